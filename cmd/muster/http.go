// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/muster-ci/muster/internal/httpx"
)

// routes adds a service's routes.
type routes = func(gin.IRouter)

// archivePath is where output hands the agent's archive to Nomad's clients,
// which check it by its sum.
const archivePath = "/agent/v1/muster-agent.tar.gz"

// internalFace serves services to their peers: /ready, /metrics, and below
// /<service>/v1 what only control services may call.
func (m *seams) internalFace(made map[string]*running) http.Handler {
	engine := httpx.NewEngine(m.logger.Named("http"))
	engine.GET("/ready", httpx.Ready(func(ctx context.Context) error {
		for _, r := range made {
			if err := r.service.Ready(ctx); err != nil {
				return err
			}
		}
		return nil
	}))
	engine.GET("/metrics", gin.WrapH(promhttp.HandlerFor(m.metrics, promhttp.HandlerOpts{})))
	only := httpx.OnlyServices(m.control, m.settings.Workload.Namespace, serviceNames())
	for name, r := range made {
		if r.internal != nil {
			r.internal(engine.Group("/"+name+"/v1", only))
		}
	}
	return engine
}

// outputFace is port 8585: agents, readers, and the agent's archive.
func (m *seams) outputFace(add ...routes) http.Handler {
	engine := httpx.NewEngine(m.logger.Named("output"))
	for _, routes := range add {
		routes(engine)
	}
	if path := m.settings.Cluster.Archive; path != "" {
		engine.StaticFile(archivePath, path)
	}
	return engine
}
