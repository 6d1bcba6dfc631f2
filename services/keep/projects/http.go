// SPDX-License-Identifier: MPL-2.0

package projects

import (
	"github.com/gin-gonic/gin"

	"github.com/muster-ci/muster/internal/httpx"
)

// Routes mounts the service's API for other services.
func (s *Service) Routes(r gin.IRouter) {
	gateway := httpx.Callers("gateway")

	r.POST("/create-project", gateway, httpx.Method(s.CreateProject))           // with its organization
	r.POST("/project", gateway, httpx.Method(s.Project))                        // by id
	r.POST("/project-by-slug", gateway, httpx.Method(s.ProjectBySlug))          // by vcs/organization/project
	r.POST("/list-projects", gateway, httpx.Method(s.ListProjects))             // a page of all
	r.POST("/update-project", gateway, httpx.Method(s.UpdateProject))           // URL, default branch, auto-cancel, settings
	r.POST("/organization", gateway, httpx.Method(s.Organization))              // by kind and name
	r.POST("/update-organization", gateway, httpx.Method(s.UpdateOrganization)) // concurrency, settings
	r.POST("/set-variable", gateway, httpx.Action(s.SetVariable))               // sealed before it is stored
	r.POST("/delete-variable", gateway, httpx.Action(s.DeleteVariable))         // gone or not there
	r.POST("/list-variables", gateway, httpx.Method(s.ListVariables))           // masked

	// Plain values are for claimed tasks, and only placements has those claimed.
	r.POST("/reveal-variables", httpx.Callers("placements"), httpx.Method(s.RevealVariables))
}
