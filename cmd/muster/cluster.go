// SPDX-License-Identifier: MPL-2.0

package main

import (
	"time"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/services/dispatch/placements"
	"github.com/muster-ci/muster/services/dispatch/placements/cluster"
	"github.com/muster-ci/muster/services/dispatch/placements/cluster/process"
)

func makePlacements(m *seams) (*running, error) {
	cfg := placements.Default()
	if err := m.settings.Service("placements", &cfg); err != nil {
		return nil, err
	}
	db, err := m.database("placements")
	if err != nil {
		return nil, err
	}
	set, err := loadClasses(m.settings.Cluster.Classes)
	if err != nil {
		return nil, err
	}
	where, err := m.openCluster()
	if err != nil {
		return nil, err
	}
	p := m.peers
	s, err := placements.New(cfg, placements.Deps{
		Logger: m.logger.Named("placements"), Clock: time.Now, DB: db, Hints: m.hints, Metrics: m.metrics, Classes: set, Cluster: where,
		Peers: placements.Peers{Tasks: p.Tasks(), Queue: p.Queue(), Secrets: p.ProjectSecrets(), Output: p.OutputControl()},
	})
	if err != nil {
		return nil, err
	}
	return &running{service: s, internal: s.Routes}, nil
}

func (m *seams) openCluster() (cluster.Cluster, error) {
	agent, err := agentPath(m.settings)
	if err != nil {
		return nil, err
	}
	return process.New(process.Config{Dir: m.settings.Cluster.Dir, Agent: agent, OutputURLs: m.settings.Cluster.OutputURL},
		process.Deps{Logger: m.logger.Named("process"), Clock: time.Now, NewID: core.NewID, Issuer: m.local})
}

func checkTemplate(string) error { return nil }
