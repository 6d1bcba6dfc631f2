// SPDX-License-Identifier: MPL-2.0

package pipelines

import (
	"github.com/gin-gonic/gin"

	"github.com/muster-ci/muster/internal/httpx"
)

// Routes adds a route for each method of core.Pipelines.
func (s *Service) Routes(r gin.IRouter) {
	r.POST("/create-pipeline", httpx.Method(s.CreatePipeline))
	r.POST("/pipeline", httpx.Method(s.Pipeline))
	r.POST("/pipeline-by-number", httpx.Method(s.PipelineByNumber))
	r.POST("/list-pipelines", httpx.Method(s.ListPipelines))
	r.POST("/pipeline-config", httpx.Method(s.PipelineConfig))
	r.POST("/cancel-pipeline", httpx.Action(s.CancelPipeline))
}
