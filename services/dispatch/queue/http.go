// SPDX-License-Identifier: MPL-2.0

package queue

import (
	"github.com/gin-gonic/gin"

	"github.com/muster-ci/muster/internal/httpx"
)

// Routes mounts the methods of core.Queue.
func (s *Service) Routes(r gin.IRouter) {
	r.POST("/enqueue", httpx.Callers("workflows"), httpx.Action(s.Enqueue))                 // tasks that are ready to run
	r.POST("/cancel-tasks", httpx.Callers("workflows"), httpx.Action(s.CancelTasks))        // tasks that must end
	r.POST("/waiting", httpx.Callers("gateway", "workflows"), httpx.Method(s.Waiting))      // why tasks wait
	r.POST("/report-attempts", httpx.Callers("placements"), httpx.Action(s.ReportAttempts)) // news of attempts
	httpx.StuckRoutes(r, s.stuck)
}
