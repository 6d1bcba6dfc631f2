// SPDX-License-Identifier: MPL-2.0

package workflows

import (
	"github.com/gin-gonic/gin"

	"github.com/muster-ci/muster/internal/httpx"
)

// Routes adds a route for each method of the interfaces that the service
// implements.
func (s *Service) Routes(r gin.IRouter) {
	gateway := httpx.Callers("gateway")

	// core.Workflows
	r.POST("/create-workflows", httpx.Callers("pipelines"), httpx.Action(s.CreateWorkflows))
	r.POST("/workflow", gateway, httpx.Method(s.Workflow))
	r.POST("/pipeline-workflows", httpx.Callers("gateway", "pipelines"), httpx.Method(s.PipelineWorkflows))
	r.POST("/cancel-workflow", gateway, httpx.Action(s.CancelWorkflow))
	r.POST("/cancel-pipeline-workflows", httpx.Callers("pipelines"), httpx.Action(s.CancelPipelineWorkflows))
	r.POST("/rerun-workflow", gateway, httpx.Method(s.RerunWorkflow))
	r.POST("/approve", gateway, httpx.Action(s.Approve))

	// core.Jobs
	r.POST("/workflow-jobs", gateway, httpx.Method(s.WorkflowJobs))
	r.POST("/job", gateway, httpx.Method(s.Job))
	r.POST("/job-by-number", gateway, httpx.Method(s.JobByNumber))
	r.POST("/cancel-job", gateway, httpx.Action(s.CancelJob))

	// core.Tasks
	r.POST("/task-specs", httpx.Callers("placements", "queue"), httpx.Method(s.TaskSpecs))
	r.POST("/report-tasks", httpx.Callers("queue"), httpx.Action(s.ReportTasks))
	r.POST("/report-serials", httpx.Callers("queue"), httpx.Method(s.ReportSerials))

	// core.TaskSiblings
	r.POST("/task-siblings", httpx.Callers("output"), httpx.Method(s.TaskSiblings))
	httpx.StuckRoutes(r, s.stuck)
}
