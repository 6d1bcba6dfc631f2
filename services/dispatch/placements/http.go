// SPDX-License-Identifier: MPL-2.0

package placements

import (
	"github.com/gin-gonic/gin"

	"github.com/muster-ci/muster/internal/httpx"
)

// Routes mounts the methods of core.Placements.
func (s *Service) Routes(r gin.IRouter) {
	r.POST("/place", httpx.Callers("queue"), httpx.Action(s.Place))                 // attempts to start
	r.POST("/stop-attempts", httpx.Callers("queue"), httpx.Action(s.StopAttempts))  // attempts to end
	r.POST("/claim", httpx.Callers("output"), httpx.Method(s.Claim))                // an agent asks for its work
	r.POST("/containers", httpx.Callers("output"), httpx.Method(s.Containers))      // how a job's containers fare
	r.POST("/report-agents", httpx.Callers("output"), httpx.Action(s.ReportAgents)) // what agents said
	httpx.StuckRoutes(r, s.stuck)
}
