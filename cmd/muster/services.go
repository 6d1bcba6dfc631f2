// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"net/http"

	"github.com/muster-ci/muster/internal/httpx"
)

// services is THE table: every control service, in the order of the data path.
// A row's name is also its folder, package, -target, settings block, Nomad job,
// Consul service and logger.
var services = []service{
	{"accept", "gateway", "the public API; the way in", tableless, makeGateway},
	{"compile", "configs", "fetches and compiles configs", tables, makeConfigs},
	{"compile", "orbs", "the registry of orbs", tables, makeOrbs},
	{"coordinate", "pipelines", "one pipeline per event, with its config and its number", tables, makePipelines},
	{"coordinate", "workflows", "decides which job runs in what order", tables, makeWorkflows},
	{"dispatch", "placements", "makes Nomad jobs of tasks and watches over them", tables, makePlacements},
	{"dispatch", "queue", "decides which task may run now", tables, makeQueue},
	{"gather", "output", "takes in what builds write, on port 8585, and hands it to readers", tables, makeOutput},
	{"gather", "results", "what the tests of jobs came to", tables, makeResults},
	{"keep", "identity", "users and their tokens", tables, makeIdentity},
	{"keep", "projects", "projects and their variables", tables, makeProjects},
}

const (
	tables    = true
	tableless = false
)

// service is one row of the table.
type service struct {
	stage, name, does string
	tables            bool // it owns some in the database
	make              func(*seams) (*running, error)
}

// running is a service that was made: its loops, and the faces that it shows.
type running struct {
	service control
	// internal adds the routes for other services; nil for none.
	internal routes
	// public is a face of its own, on addresses of the settings' listen block.
	public    http.Handler
	addresses []string
	// certificate of the public face; nil when it answers http.
	certificate *httpx.Certificate
}

// control is what all services are (house style: a service folder).
type control interface {
	Run(ctx context.Context) error
	Ready(ctx context.Context) error
}

// serviceNames returns the names in the table's order.
func serviceNames() []string {
	names := make([]string, len(services))
	for i, s := range services {
		names[i] = s.name
	}
	return names
}

// withTables returns the names of the services that own tables.
func withTables() []string {
	var names []string
	for _, s := range services {
		if s.tables {
			names = append(names, s.name)
		}
	}
	return names
}

// withLoops are the services that work off rows and may set some aside for
// administrators (core.Stuck).
var withLoops = []string{"pipelines", "workflows", "placements", "queue", "output", "results"}
