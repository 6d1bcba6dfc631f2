// SPDX-License-Identifier: MPL-2.0

package projects

import (
	"github.com/gin-gonic/gin"

	"github.com/muster-ci/muster/internal/httpx"
)

// Routes mounts the service's API for other services.
func (s *Service) Routes(r gin.IRouter) {
	r.POST("/create-project", httpx.Method(s.CreateProject))   // with its organization
	r.POST("/project", httpx.Method(s.Project))                // by id
	r.POST("/project-by-slug", httpx.Method(s.ProjectBySlug))  // by vcs/organization/project
	r.POST("/list-projects", httpx.Method(s.ListProjects))     // a page of all
	r.POST("/update-project", httpx.Method(s.UpdateProject))   // URL, default branch, auto-cancel
	r.POST("/set-variable", httpx.Action(s.SetVariable))       // sealed before it is stored
	r.POST("/delete-variable", httpx.Action(s.DeleteVariable)) // gone or not there
	r.POST("/list-variables", httpx.Method(s.ListVariables))   // masked

	// Plain values are for claimed tasks, and only placements has those claimed.
	r.POST("/reveal-variables", httpx.Callers("placements"), httpx.Method(s.RevealVariables))
}
