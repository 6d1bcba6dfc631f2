// SPDX-License-Identifier: MPL-2.0

package results

import (
	"github.com/gin-gonic/gin"

	"github.com/muster-ci/muster/internal/httpx"
)

// Routes mounts the methods of core.Results.
func (s *Service) Routes(r gin.IRouter) {
	r.POST("/add-results", httpx.Callers("output"), httpx.Action(s.AddResults))      // archives to be read
	r.POST("/job-tests", httpx.Callers("gateway"), httpx.Method(s.JobTests))         // a page of a job's tests
	r.POST("/test-timings", httpx.Callers("output"), httpx.Method(s.TestTimings))    // how long they took before
	r.POST("/failed-tests", httpx.Callers("workflows"), httpx.Method(s.FailedTests)) // what a rerun repeats
	r.POST("/flaky-tests", httpx.Callers("gateway"), httpx.Method(s.FlakyTests))     // of a project
	httpx.StuckRoutes(r, s.stuck)
}
