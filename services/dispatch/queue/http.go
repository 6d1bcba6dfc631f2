// SPDX-License-Identifier: MPL-2.0

package queue

import (
	"github.com/gin-gonic/gin"

	"github.com/muster-ci/muster/internal/httpx"
)

// Routes mounts the methods of core.Queue and core.Serials.
func (s *Service) Routes(r gin.IRouter) {
	r.POST("/enqueue", httpx.Callers("workflows"), httpx.Action(s.Enqueue))                 // tasks that are ready to run
	r.POST("/cancel-tasks", httpx.Callers("workflows"), httpx.Action(s.CancelTasks))        // tasks that must end
	r.POST("/waiting", httpx.Callers("gateway", "workflows"), httpx.Method(s.Waiting))      // why tasks wait
	r.POST("/report-attempts", httpx.Callers("placements"), httpx.Action(s.ReportAttempts)) // news of attempts

	// core.Serials
	r.POST("/claim-serials", httpx.Callers("workflows"), httpx.Action(s.ClaimSerials))     // jobs that need a serial group
	r.POST("/release-serials", httpx.Callers("workflows"), httpx.Action(s.ReleaseSerials)) // and need it no more
	r.POST("/serials-waiting", httpx.Callers("workflows"), httpx.Method(s.SerialsWaiting)) // who holds what they wait for
	r.POST("/list-serials", httpx.Callers("gateway"), httpx.Method(s.ListSerials))         // an organization's
	r.POST("/free-serial", httpx.Callers("gateway"), httpx.Action(s.FreeSerial))           // taken by hand
	httpx.StuckRoutes(r, s.stuck)
}
