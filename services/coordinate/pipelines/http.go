// SPDX-License-Identifier: MPL-2.0

package pipelines

import (
	"github.com/gin-gonic/gin"

	"github.com/muster-ci/muster/internal/httpx"
)

// Routes adds a route for each method of the interfaces that the service
// implements.
func (s *Service) Routes(r gin.IRouter) {
	gateway := httpx.Callers("gateway")

	r.POST("/create-pipeline", gateway, httpx.Method(s.CreatePipeline))
	r.POST("/pipeline", gateway, httpx.Method(s.Pipeline))
	r.POST("/pipeline-by-number", gateway, httpx.Method(s.PipelineByNumber))
	r.POST("/list-pipelines", gateway, httpx.Method(s.ListPipelines))
	r.POST("/pipeline-config", gateway, httpx.Method(s.PipelineConfig))
	r.POST("/pipeline-values", gateway, httpx.Method(s.PipelineValues))
	r.POST("/cancel-pipeline", gateway, httpx.Action(s.CancelPipeline))

	// core.Continuations
	r.POST("/continue-pipeline", gateway, httpx.Method(s.ContinuePipeline))
	r.POST("/continuation-key", httpx.Callers("placements"), httpx.Method(s.ContinuationKey)) // plain
	httpx.StuckRoutes(r, s.stuck)
}
