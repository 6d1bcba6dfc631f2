// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/muster-ci/muster/hcl/classes"
	"github.com/muster-ci/muster/hcl/settings"
	"github.com/muster-ci/muster/services/accept/gateway"
	"github.com/muster-ci/muster/services/compile/configs"
	"github.com/muster-ci/muster/services/compile/orbs"
	"github.com/muster-ci/muster/services/coordinate/pipelines"
	"github.com/muster-ci/muster/services/coordinate/workflows"
	"github.com/muster-ci/muster/services/dispatch/placements"
	"github.com/muster-ci/muster/services/dispatch/queue"
	"github.com/muster-ci/muster/services/gather/output"
	"github.com/muster-ci/muster/services/gather/results"
	"github.com/muster-ci/muster/services/keep/identity"
	"github.com/muster-ci/muster/services/keep/projects"
)

// checkFile checks one file by its kind.
func checkFile(file string) error {
	if strings.HasSuffix(file, ".nomad.hcl") {
		return checkTemplate(file)
	}
	return checkSettings(file)
}

// validated is a config that can say what is wrong with it.
type validated interface{ Validate() error }

// checkServices decodes every service's block over its defaults.
func checkServices(s *settings.Settings) error {
	var (
		g  = gateway.Default()
		c  = configs.Default()
		or = orbs.Default()
		pi = pipelines.Default()
		w  = workflows.Default()
		pl = placements.Default()
		q  = queue.Default()
		o  = output.Default()
		re = results.Default()
		i  = identity.Default()
		pr = projects.Default()
	)
	for name, config := range map[string]validated{
		"gateway": &g, "configs": &c, "orbs": &or, "pipelines": &pi, "workflows": &w, "placements": &pl,
		"queue": &q, "output": &o, "results": &re, "identity": &i, "projects": &pr,
	} {
		if err := s.Service(name, config); err != nil {
			return err
		}
		if err := config.Validate(); err != nil {
			return err
		}
	}
	_, err := loadClasses(s.Cluster.Classes)
	return err
}

// loadClasses reads the resource classes, the built-in ones when no file is
// named.
func loadClasses(path string) (*classes.Set, error) {
	if path == "" {
		return classes.Default(), nil
	}
	src, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the resource classes: %w", err)
	}
	return classes.Load(path, src)
}
