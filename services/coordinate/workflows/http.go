// SPDX-License-Identifier: MPL-2.0

package workflows

import (
	"github.com/gin-gonic/gin"

	"github.com/muster-ci/muster/internal/httpx"
)

// Routes adds a route for each method of the interfaces that the service
// implements.
func (s *Service) Routes(r gin.IRouter) {
	// core.Workflows
	r.POST("/create-workflows", httpx.Action(s.CreateWorkflows))
	r.POST("/workflow", httpx.Method(s.Workflow))
	r.POST("/pipeline-workflows", httpx.Method(s.PipelineWorkflows))
	r.POST("/cancel-workflow", httpx.Action(s.CancelWorkflow))
	r.POST("/cancel-pipeline-workflows", httpx.Action(s.CancelPipelineWorkflows))
	r.POST("/rerun-workflow", httpx.Method(s.RerunWorkflow))
	r.POST("/approve", httpx.Action(s.Approve))

	// core.Jobs
	r.POST("/workflow-jobs", httpx.Method(s.WorkflowJobs))
	r.POST("/job", httpx.Method(s.Job))
	r.POST("/job-by-number", httpx.Method(s.JobByNumber))
	r.POST("/cancel-job", httpx.Action(s.CancelJob))

	// core.Tasks
	r.POST("/task-specs", httpx.Method(s.TaskSpecs))
	r.POST("/report-tasks", httpx.Action(s.ReportTasks))
}
