// SPDX-License-Identifier: MPL-2.0

package configs

import (
	"github.com/gin-gonic/gin"

	"github.com/muster-ci/muster/internal/httpx"
)

// Routes mounts the service's API for other services.
func (s *Service) Routes(r gin.IRouter) {
	r.POST("/compile", httpx.Callers("gateway", "pipelines"), httpx.Method(s.Compile)) // a config to a plan, or to its mistakes
	r.POST("/fetch", httpx.Callers("pipelines"), httpx.Method(s.Fetch))                // a source to its revision and config file
}
