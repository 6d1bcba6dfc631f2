// SPDX-License-Identifier: MPL-2.0

package identity

import (
	"github.com/gin-gonic/gin"

	"github.com/muster-ci/muster/internal/httpx"
)

// Routes mounts the service's API for other services.
func (s *Service) Routes(r gin.IRouter) {
	gateway := httpx.Callers("gateway")

	r.POST("/authenticate", httpx.Callers("gateway", "output"), httpx.Method(s.Authenticate)) // who owns a token value
	r.POST("/create-token", gateway, httpx.Method(s.CreateToken))                             // a personal token, its value shown once
	r.POST("/list-tokens", gateway, httpx.Method(s.ListTokens))                               // of a user, without values
	r.POST("/revoke-token", gateway, httpx.Action(s.RevokeToken))                             // at once
	r.POST("/create-user", gateway, httpx.Method(s.CreateUser))                               // a person or a machine
	r.POST("/user", gateway, httpx.Method(s.User))                                            // by id

	r.POST("/add-ssh-key", gateway, httpx.Method(s.AddSSHKey))                                    // a public key of a user
	r.POST("/list-ssh-keys", httpx.Callers("gateway", "placements"), httpx.Method(s.ListSSHKeys)) // of a user
	r.POST("/remove-ssh-key", gateway, httpx.Action(s.RemoveSSHKey))                              // for jobs that start later

	r.POST("/issue-job-tokens", httpx.Callers("output", "placements"), httpx.Method(s.IssueJobTokens)) // OIDC tokens of a job
	r.POST("/job-token-keys", gateway, httpx.Method(s.JobTokenKeys))                                   // the public keys of those
	r.POST("/job-token-claims", gateway, httpx.Method(s.JobTokenClaims))                               // audience and life, as set
	r.POST("/set-job-token-claims", gateway, httpx.Method(s.SetJobTokenClaims))                        // and setting them

	r.POST("/list-signing-keys", gateway, httpx.Method(s.ListSigningKeys))     // of those tokens
	r.POST("/rotate-signing-keys", gateway, httpx.Method(s.RotateSigningKeys)) // a new one, by an administrator
}
