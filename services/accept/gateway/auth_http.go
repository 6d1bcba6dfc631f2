// SPDX-License-Identifier: MPL-2.0

package gateway

import (
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/api"
	"github.com/muster-ci/muster/internal/httpx"
)

// access says who may use a route.
type access int

const (
	accessUser    access = iota // everybody with a token
	accessAdmin                 // administrators; roles come with a later service
	accessPublic                // everybody
	accessAnybody               // everybody, within the budget of their address
	accessKey                   // whoever has the key that is in the body
)

// userKey is where the user of a request is kept in its gin context.
const userKey = "muster_user"

// authenticate finds out who sent a request and takes it out of that user's
// budget. Requests without a valid token are counted against their address.
func (s *Service) authenticate(e endpoint) gin.HandlerFunc {
	return func(c *gin.Context) {
		user, err := s.authenticated(c.Request)
		caller := "user " + string(user.ID)
		if err != nil {
			caller = "address " + httpx.RemoteHost(c.Request)
		}
		if wait, ok := s.limits.Take(caller); !ok {
			s.limited(c, wait)
			return
		}
		switch {
		case core.ErrorCode(err) == core.CodeUnauthorized:
			// So that a browser which opens a link to output asks for the token.
			c.Header("WWW-Authenticate", `Basic realm="Muster: the token as user name", charset="UTF-8"`)
			e.refuse(c, err)
		case err != nil:
			e.refuse(c, err)
		case e.access == accessAdmin && !user.Admin:
			e.refuse(c, core.Errorf(core.CodeForbidden, "Only an administrator may do that."))
		default:
			c.Set(userKey, user)
			c.Next()
		}
	}
}

// limitAddress takes a request that carries no token out of the budget of its
// address, so that nobody can try keys for long.
func (s *Service) limitAddress(c *gin.Context) {
	if wait, ok := s.limits.Take("address " + httpx.RemoteHost(c.Request)); !ok {
		s.limited(c, wait)
		return
	}
	c.Next()
}

func (s *Service) limited(c *gin.Context, wait time.Duration) {
	s.metrics.limited.Inc()
	c.Header("Retry-After", httpx.RetryAfter(wait))
	c.AbortWithStatusJSON(http.StatusTooManyRequests, api.Message{Message: "Rate limit exceeded."})
}

func (s *Service) authenticated(r *http.Request) (core.User, error) {
	value := tokenOf(r)
	if value == "" {
		return core.User{}, core.Errorf(core.CodeUnauthorized, "You must log in first.")
	}
	return s.deps.Peers.Identity.Authenticate(r.Context(), value)
}

// tokenOf looks for a token in the places in which CircleCI takes one; its
// command line sends GraphQL's as the whole Authorization header.
func tokenOf(r *http.Request) string {
	if value := r.Header.Get("Circle-Token"); value != "" {
		return value
	}
	if value := httpx.Bearer(r); value != "" {
		return value
	}
	if value := r.Header.Get("Authorization"); value != "" && !strings.Contains(value, " ") {
		return value
	}
	if name, _, ok := r.BasicAuth(); ok && name != "" {
		return name
	}
	return r.URL.Query().Get("circle-token")
}
