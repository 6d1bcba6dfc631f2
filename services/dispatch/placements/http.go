// SPDX-License-Identifier: MPL-2.0

package placements

import (
	"github.com/gin-gonic/gin"

	"github.com/muster-ci/muster/internal/httpx"
)

// Routes mounts the methods of core.Placements.
func (s *Service) Routes(r gin.IRouter) {
	r.POST("/place", httpx.Action(s.Place))                // queue: attempts to start
	r.POST("/stop-attempts", httpx.Action(s.StopAttempts)) // queue: attempts to end
	r.POST("/claim", httpx.Method(s.Claim))                // output: an agent asks for its work
	r.POST("/report-agents", httpx.Action(s.ReportAgents)) // output: what agents said
}
