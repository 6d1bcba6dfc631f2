// SPDX-License-Identifier: MPL-2.0

package queue

import (
	"github.com/gin-gonic/gin"

	"github.com/muster-ci/muster/internal/httpx"
)

// Routes mounts the methods of core.Queue.
func (s *Service) Routes(r gin.IRouter) {
	r.POST("/enqueue", httpx.Action(s.Enqueue))                // workflows: tasks that are ready to run
	r.POST("/cancel-tasks", httpx.Action(s.CancelTasks))       // workflows: tasks that must end
	r.POST("/waiting", httpx.Method(s.Waiting))                // workflows, gateway: why tasks wait
	r.POST("/report-attempts", httpx.Action(s.ReportAttempts)) // placements: news of attempts
}
