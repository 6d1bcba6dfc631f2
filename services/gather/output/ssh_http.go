// SPDX-License-Identifier: MPL-2.0

package output

import (
	"encoding/json"
	"io"

	"github.com/gin-gonic/gin"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/httpx"
	"github.com/muster-ci/muster/internal/pipe"
	"github.com/muster-ci/muster/internal/wire"
)

// grantRoutes are the agents' calls about what an attempt may ask for.
func (s *Service) grantRoutes(r gin.IRouter) {
	r.POST(wire.PathOIDC, s.serveJobTokens)        // OIDC tokens of the job
	r.GET(wire.PathSSH, s.serveTunnel)             // a connection for logins, kept open
	r.POST(wire.PathContainers, s.serveContainers) // how the job's containers fare
}

func (s *Service) serveJobTokens(c *gin.Context) {
	in, ok := s.session(c)
	if !ok {
		return
	}
	var r wire.OIDCRequest
	if err := readJSON(c, smallCall, &r); err != nil {
		refuse(c, err, nil)
		return
	}
	tokens, err := s.jobTokens(c.Request.Context(), in, r.Audience)
	if core.ErrorCode(err) == core.CodeForbidden {
		// To an agent 403 says that all its work is over.
		err = core.Errorf(core.CodeInvalid, "%s", core.ErrorMessage(err))
	}
	if err != nil {
		refuse(c, err, nil)
		return
	}
	c.Header("Cache-Control", "no-store")
	c.JSON(200, tokens)
}

func (s *Service) serveTunnel(c *gin.Context) {
	in, ok := s.session(c)
	if !ok {
		return
	}
	ctx := c.Request.Context()
	g, err := s.grant(ctx, in.attempt)
	switch {
	case err != nil:
	case !in.ended.IsZero():
		err = gone(in.attempt)
	case g.SSHUser == "":
		err = core.Errorf(core.CodeInvalid, "the job was not run with SSH")
	case !pipe.Asked(c.Request):
		err = core.Errorf(core.CodeInvalid, "the request asks for no upgrade to %s", pipe.Protocol)
	}
	if err != nil {
		refuse(c, err, nil)
		return
	}
	conn, err := pipe.Accept(c.Writer)
	if err == nil {
		err = s.tunnels.keep(in.attempt, conn)
	}
	if err != nil {
		s.deps.Logger.Warn("an agent's connection for logins failed", "attempt_id", in.attempt, "error", err)
	}
}

// serveCall answers the gateway with a connection to a job.
func (s *Service) serveCall(c *gin.Context) {
	var call core.SSHCall
	if err := json.NewDecoder(io.LimitReader(c.Request.Body, 64<<10)).Decode(&call); err != nil {
		httpx.Fail(c, core.Errorf(core.CodeInvalid, "reading the call: %w", err))
		return
	}
	if !pipe.Asked(c.Request) {
		httpx.Fail(c, core.Errorf(core.CodeInvalid, "the request asks for no upgrade to %s", pipe.Protocol))
		return
	}
	there, err := s.CallSSH(c.Request.Context(), call)
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	here, err := pipe.Accept(c.Writer)
	if err != nil {
		there.Close()
		s.deps.Logger.Warn("a connection to a job could not be opened", "attempt_id", call.Attempt, "error", err)
		return
	}
	pipe.Join(here, there)
}
