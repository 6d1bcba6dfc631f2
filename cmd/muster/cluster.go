// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/hcl/jobspec"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/services/dispatch/placements"
	"github.com/muster-ci/muster/services/dispatch/placements/cluster"
	"github.com/muster-ci/muster/services/dispatch/placements/cluster/docker"
	"github.com/muster-ci/muster/services/dispatch/placements/cluster/nomad"
	"github.com/muster-ci/muster/services/dispatch/placements/cluster/process"
	images "github.com/muster-ci/muster/services/dispatch/placements/registry"
)

func makePlacements(m *seams) (*running, error) {
	cfg := placements.Default()
	cfg.Copies = m.settings.Cluster.CopiesVolume != "" || m.settings.Cluster.CopiesDir != "" || m.settings.Cluster.LayersVolume != ""
	if err := m.settings.Service("placements", &cfg); err != nil {
		return nil, err
	}
	db, err := m.database("placements", store.Config{})
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
	p := m.peersOf("placements")
	s, err := placements.New(cfg, placements.Deps{
		Logger: m.logger.Named("placements"), Clock: time.Now, DB: db, Hints: m.hints, Metrics: m.metrics, Classes: set, Cluster: where,
		Peers: placements.Peers{Tasks: p.Tasks(), Queue: p.Queue(), Secrets: p.ProjectSecrets(), Output: p.OutputControl(), Continuations: p.Continuations(), SSHKeys: p.SSHKeys(), JobTokens: p.JobTokens()},
	})
	if err != nil {
		return nil, err
	}
	return &running{service: s, internal: s.Routes}, nil
}

// openCluster opens what runs builds.
func (m *seams) openCluster() (cluster.Cluster, error) {
	if m.settings.Cluster.Driver == "nomad" {
		return m.openNomad()
	}
	agent, err := agentPath(m.settings)
	if err != nil {
		return nil, err
	}
	s := m.settings.Cluster
	machine, err := process.New(
		process.Config{Dir: filepath.Join(s.Dir, "machine"), Agent: agent, OutputURLs: s.OutputURL, BaseURL: s.BaseURL, Bundle: s.Bundle},
		process.Deps{Logger: m.logger.Named("process"), Clock: time.Now, NewID: core.NewID, Issuer: m.local})
	if err != nil {
		return nil, err
	}
	containers, err := docker.New(
		docker.Config{Dir: filepath.Join(s.Dir, "docker"), Agent: agent, OutputURLs: forContainers(s.OutputURL...), BaseURL: s.BaseURL, APIURL: forContainers(s.BaseURL)[0], Bundle: s.Bundle},
		docker.Deps{Logger: m.logger.Named("docker"), Clock: time.Now, NewID: core.NewID, Issuer: m.local})
	if err != nil {
		return nil, err
	}
	return cluster.ByExecutor{core.ExecutorMachine: machine, core.ExecutorDocker: containers}, nil
}

// forContainers returns addresses as containers of the local engine reach them:
// one on loopback is the host's for us and the container's own for them.
func forContainers(addresses ...string) []string {
	var urls []string
	for _, address := range addresses {
		u, err := url.Parse(address)
		if err == nil && (u.Hostname() == "localhost" || net.ParseIP(u.Hostname()).IsLoopback()) {
			u.Host = net.JoinHostPort(docker.HostName, u.Port())
			address = u.String()
		}
		urls = append(urls, address)
	}
	return urls
}

// openNomad reads the operator's templates and says how the agent comes to
// clients.
func (m *seams) openNomad() (cluster.Cluster, error) {
	s := m.settings.Cluster
	config := nomad.Config{Namespace: s.Namespace, OutputURLs: s.OutputURL, BaseURL: s.BaseURL, Templates: map[core.ExecutorKind]*jobspec.Template{}}
	config.Copies = jobspec.Copies{Volume: s.CopiesVolume, Dir: s.CopiesDir}
	config.LayersVolume = s.LayersVolume
	for _, kind := range []core.ExecutorKind{core.ExecutorDocker, core.ExecutorMachine} {
		template, err := loadTemplate(filepath.Join(s.Templates, string(kind)+".nomad.hcl"))
		if err != nil {
			return nil, err
		}
		config.Templates[kind] = template
	}
	var token string
	var err error
	if s.TokenFile != "" {
		if token, err = readToken(s.TokenFile); err != nil {
			return nil, err
		}
	}
	if config.Agent, err = nomadAgent(s); err != nil {
		return nil, err
	}
	deps := nomad.Deps{Logger: m.logger.Named("nomad")}
	if s.ImageLookup == "on" {
		trusted := slices.DeleteFunc(slices.Clone(s.TrustedRegistries), func(host string) bool { return host == "" })
		if deps.Images, err = images.NewInspector(images.InspectorConfig{Trusted: trusted}, deps.Logger, time.Now); err != nil {
			return nil, err
		}
	}
	return nomad.NewAt(s.Address, token, config, deps)
}

// loadTemplate parses a template of build jobs.
func loadTemplate(path string) (*jobspec.Template, error) {
	src, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading a template of build jobs: %w", err)
	}
	return jobspec.Parse(path, src)
}

// checkTemplate renders a template with a sample task.
func checkTemplate(path string) error {
	template, err := loadTemplate(path)
	if err != nil {
		return err
	}
	kind := core.ExecutorKind(strings.TrimSuffix(filepath.Base(path), ".nomad.hcl"))
	if kind != core.ExecutorDocker && kind != core.ExecutorMachine {
		return fmt.Errorf("a template is called docker.nomad.hcl or machine.nomad.hcl, after its executor")
	}
	return template.Check(kind)
}
