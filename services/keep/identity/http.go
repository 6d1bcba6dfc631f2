// SPDX-License-Identifier: MPL-2.0

package identity

import (
	"github.com/gin-gonic/gin"

	"github.com/muster-ci/muster/internal/httpx"
)

// Routes mounts the service's API for other services.
func (s *Service) Routes(r gin.IRouter) {
	r.POST("/authenticate", httpx.Method(s.Authenticate)) // who owns a token value
	r.POST("/create-token", httpx.Method(s.CreateToken))  // a personal token, its value shown once
	r.POST("/list-tokens", httpx.Method(s.ListTokens))    // of a user, without values
	r.POST("/revoke-token", httpx.Action(s.RevokeToken))  // at once
	r.POST("/create-user", httpx.Method(s.CreateUser))    // a person or a machine
	r.POST("/user", httpx.Method(s.User))                 // by id
}
