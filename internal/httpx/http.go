// SPDX-License-Identifier: MPL-2.0

package httpx

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/hashicorp/go-hclog"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/workload"
)

// MaxBody is the most bytes of a body between services: a thousand specs of a
// large job fit, a mistake without end does not.
const MaxBody = 64 << 20

// Method makes a handler of a method with one argument and one result.
func Method[In, Out any](f func(context.Context, In) (Out, error)) gin.HandlerFunc {
	return func(c *gin.Context) {
		var in In
		if !decode(c, &in) {
			return
		}
		out, err := f(c.Request.Context(), in)
		if err != nil {
			Fail(c, err)
			return
		}
		c.JSON(http.StatusOK, out)
	}
}

// Action makes a handler of a method with one argument and no result.
func Action[In any](f func(context.Context, In) error) gin.HandlerFunc {
	return func(c *gin.Context) {
		var in In
		if !decode(c, &in) {
			return
		}
		if err := f(c.Request.Context(), in); err != nil {
			Fail(c, err)
			return
		}
		c.Status(http.StatusNoContent)
	}
}

// decode reads one JSON value and nothing after it; a failure is answered.
func decode(c *gin.Context, in any) bool {
	body := json.NewDecoder(http.MaxBytesReader(c.Writer, c.Request.Body, MaxBody))
	if err := body.Decode(in); err != nil {
		Fail(c, core.Errorf(core.CodeInvalid, "reading the request: %w", err))
		return false
	}
	if _, err := body.Token(); !errors.Is(err, io.EOF) {
		Fail(c, core.Errorf(core.CodeInvalid, "the request has more than one JSON value"))
		return false
	}
	return true
}

// Fail answers with an error and keeps it for the log line of the request. The
// caller of a service is a service, so internal texts may pass here; what a
// user reads is the gateway's to choose.
func Fail(c *gin.Context, err error) {
	_ = c.Error(err)
	code := core.ErrorCode(err)
	c.AbortWithStatusJSON(Status(code), ErrorBody{Code: code, Message: err.Error()})
}

// NewEngine returns a gin engine that logs failures and survives a panic, which
// is answered with an internal error.
func NewEngine(logger hclog.Logger) *gin.Engine {
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.ContextWithFallback = true
	engine.HandleMethodNotAllowed = true
	engine.Use(boundRest, logFailures(logger), recoverPanics(logger))
	return engine
}

// logFailures is the edge that logs: 5xx as errors but for unavailable, which
// is a state of the neighbourhood and only a warning.
func logFailures(logger hclog.Logger) gin.HandlerFunc {
	return func(c *gin.Context) {
		start := time.Now()
		c.Next()
		status := c.Writer.Status()
		args := []any{"method", c.Request.Method, "path", c.FullPath(), "status", status, "took", time.Since(start)}
		if last := c.Errors.Last(); last != nil {
			args = append(args, "error", last.Err)
		}
		switch {
		case status == http.StatusServiceUnavailable:
			logger.Warn("request could not be served now", args...)
		case status >= 500 && c.Request.Context().Err() == nil:
			logger.Error("request failed", args...)
		case status >= 400:
			logger.Debug("request refused", args...)
		}
	}
}

func recoverPanics(logger hclog.Logger) gin.HandlerFunc {
	return func(c *gin.Context) {
		defer func() {
			p := recover()
			if p == nil {
				return
			}
			if p == http.ErrAbortHandler {
				panic(p)
			}
			logger.Error("handler panicked", "path", c.FullPath(), "panic", p, "stack", string(debug.Stack()))
			if !c.Writer.Written() {
				Fail(c, core.Errorf(core.CodeInternal, "the handler panicked"))
			}
		}()
		c.Next()
	}
}

// Bearer returns the token of an Authorization header, "" when there is none.
func Bearer(r *http.Request) string {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// OnlyServices lets through requests whose workload identity is one of the
// control services: callers holds the names of their Nomad jobs. An agent's
// identity names an attempt and so is refused here whatever its audience.
func OnlyServices(verifier workload.Verifier, namespace string, callers []string) gin.HandlerFunc {
	known := make(map[string]bool, len(callers))
	for _, name := range callers {
		known[name] = true
	}
	return func(c *gin.Context) {
		claims, err := verifier.Verify(c.Request.Context(), Bearer(c.Request))
		if err != nil {
			Fail(c, err)
			return
		}
		if !known[claims.JobID] || claims.Namespace != namespace {
			Fail(c, core.Errorf(core.CodeForbidden, "%s/%s is no control service", claims.Namespace, claims.JobID))
			return
		}
		c.Set(callerKey, claims.JobID)
		c.Next()
	}
}

// callerKey is where OnlyServices keeps the caller's name for Callers.
const callerKey = "muster.caller"

// Callers narrows a route behind OnlyServices to the named control services,
// for what most of them have no business with. Without OnlyServices in front of
// it nobody passes.
func Callers(names ...string) gin.HandlerFunc {
	return func(c *gin.Context) {
		if caller := c.GetString(callerKey); !slices.Contains(names, caller) {
			Fail(c, core.Errorf(core.CodeForbidden, "%q may not call %s", caller, c.FullPath()))
			return
		}
		c.Next()
	}
}

// Ready answers /ready: 200 when ready returns nil, 503 with the reason
// otherwise.
func Ready(ready func(context.Context) error) gin.HandlerFunc {
	return func(c *gin.Context) {
		ctx, cancel := context.WithTimeout(c.Request.Context(), 5*time.Second)
		defer cancel()
		if err := ready(ctx); err != nil {
			c.String(http.StatusServiceUnavailable, "%s\n", err)
			return
		}
		c.String(http.StatusOK, "ready\n")
	}
}
