// SPDX-License-Identifier: MPL-2.0

package gateway

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/api"
	"github.com/muster-ci/muster/internal/httpx"
)

// Handler serves everything that people reach: the page at /, the API and its
// description.
func (s *Service) Handler() http.Handler {
	engine := httpx.NewEngine(s.deps.Logger)
	s.Routes(engine)
	engine.NoRoute(func(c *gin.Context) {
		fail(c, core.Errorf(core.CodeNotFound, "There is no %s %s here; %s/api/v2/openapi.json lists what there is.", c.Request.Method, c.Request.URL.Path, s.url))
	})
	engine.NoMethod(func(c *gin.Context) {
		c.AbortWithStatusJSON(http.StatusMethodNotAllowed, api.Message{Message: c.Request.Method + " is not allowed on " + c.Request.URL.Path + "."})
	})
	return engine
}

// Routes mounts the table of routes.
func (s *Service) Routes(r gin.IRouter) {
	r.GET("/", s.page)
	for _, e := range s.endpoint {
		chain := []gin.HandlerFunc{s.observe(e), headers}
		switch e.access {
		case accessPublic:
		case accessKey, accessAnybody:
			chain = append(chain, s.limitAddress)
		default:
			chain = append(chain, s.authenticate(e))
		}
		if e.raw != nil {
			chain = append(chain, e.raw)
		} else {
			chain = append(chain, s.answer(e))
		}
		r.Handle(e.method, e.path, chain...)
	}
}

// observe measures requests whose length is ours to answer for.
func (s *Service) observe(e endpoint) gin.HandlerFunc {
	return func(c *gin.Context) {
		if e.raw != nil {
			c.Next()
			return
		}
		began := time.Now()
		c.Next()
		s.metrics.observe(e.method, e.path, strconv.Itoa(c.Writer.Status()), time.Since(began))
	}
}

// headers keep browsers from making more of an answer than it is.
func headers(c *gin.Context) {
	c.Header("X-Content-Type-Options", "nosniff")
	c.Header("Cache-Control", "no-store")
	c.Next()
}

// answer turns a plain handler into a gin one.
func (s *Service) answer(e endpoint) gin.HandlerFunc {
	return func(c *gin.Context) {
		ctx, cancel := context.WithTimeout(c.Request.Context(), s.cfg.timeout())
		defer cancel()
		c.Request = c.Request.WithContext(ctx)
		body, err := e.serve(s.request(c))
		if err != nil {
			e.refuse(c, err)
			return
		}
		if d, ok := body.(declined); ok {
			c.JSON(http.StatusOK, d.body)
			return
		}
		c.JSON(e.status, body)
	}
}

// fail answers with an error in CircleCI's form. What went wrong inside stays in
// the log.
func fail(c *gin.Context, err error) {
	_ = c.Error(err)
	code := core.ErrorCode(err)
	message := core.ErrorMessage(err)
	switch {
	case errors.Is(c.Request.Context().Err(), context.DeadlineExceeded):
		code, message = core.CodeUnavailable, "That took too long; try again in a moment."
	case code == core.CodeUnavailable:
		message = "A service that this needs cannot be reached just now; try again in a moment."
	}
	if code == core.CodeUnavailable {
		c.Header("Retry-After", "2")
	}
	c.AbortWithStatusJSON(httpx.Status(code), api.Message{Message: message})
}

// page is what a person finds who opens the address in a browser.
func (s *Service) page(c *gin.Context) {
	c.Header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	c.Header("X-Content-Type-Options", "nosniff")
	c.Data(http.StatusOK, "text/html; charset=utf-8", []byte(strings.ReplaceAll(homePage, "{{url}}", s.url)))
}

const homePage = `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Muster</title>
<style>body{font:16px/1.6 system-ui,sans-serif;max-width:44rem;margin:4rem auto;padding:0 1rem;color:#222}
code,pre{background:#f3f3f3;border-radius:4px;padding:.1rem .3rem}pre{padding:1rem;overflow:auto}a{color:#0a58ca}</style>
<h1>Muster</h1>
<p>This is a Muster installation: continuous integration with CircleCI's configuration, API and commands, on Nomad.</p>
<p>Run a pipeline of the git repository that you are in:</p>
<pre>muster login {{url}}
muster run</pre>
<ul>
<li><a href="/api/v2/openapi.json">/api/v2/openapi.json</a> describes the API.</li>
<li>CircleCI's API v2 is under <code>/api/v2</code>, job details with steps of v1.1 under <code>/api/v1.1</code>, Muster's own routes (bundles, output, event streams, tokens) under <code>/api/muster/v1</code>.</li>
<li>Send a personal token as header <code>Circle-Token</code>, or as bearer token.</li>
</ul>
</html>
`
