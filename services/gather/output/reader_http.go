// SPDX-License-Identifier: MPL-2.0

package output

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/httpx"
	"github.com/muster-ci/muster/internal/sse"
)

// ReaderRoutes adds what people and their tools read on port 8585, with a
// personal token as Circle-Token or bearer.
func (s *Service) ReaderRoutes(r gin.IRouter) {
	g := r.Group("/output", s.onlyWhenReady, s.onlyReaders)
	g.GET("/:attempt/:step", s.download)      // the bytes so far, with ranges
	g.HEAD("/:attempt/:step", s.download)     // their length
	g.GET("/:attempt/:step/stream", s.stream) // server-sent events, see internal/sse
}

// onlyReaders lets people with a token in and takes each request out of its
// user's budget. Requests without a valid token count against their address.
func (s *Service) onlyReaders(c *gin.Context) {
	user, err := s.reader(c)
	caller := "user " + string(user)
	if err != nil {
		caller = "address " + httpx.RemoteHost(c.Request)
	}
	if wait, ok := s.limits.Take(caller); !ok {
		s.metrics.limited.Inc()
		c.Header("Retry-After", httpx.RetryAfter(wait))
		fail(c, core.Errorf(core.CodeExhausted, "too many requests: try again in a moment"))
		return
	}
	if err != nil {
		fail(c, err)
	}
}

func (s *Service) reader(c *gin.Context) (core.UserID, error) {
	token := c.GetHeader("Circle-Token")
	if token == "" {
		token = httpx.Bearer(c.Request)
	}
	if token == "" {
		c.Header("WWW-Authenticate", `Bearer realm="muster"`)
		return "", core.Errorf(core.CodeUnauthorized, "a personal token is needed, as Circle-Token or bearer")
	}
	return s.deps.Peers.Readers(c.Request.Context(), token)
}

// fail is httpx.Fail for people: internal texts stay in the log.
func fail(c *gin.Context, err error) {
	_ = c.Error(err)
	code := core.ErrorCode(err)
	c.AbortWithStatusJSON(httpx.Status(code), httpx.ErrorBody{Code: code, Message: core.ErrorMessage(err)})
}

// wanted reads attempt and step out of the path.
func wanted(c *gin.Context) (core.OutputRange, error) {
	id, number := c.Param("attempt"), c.Param("step")
	step, err := strconv.Atoi(number)
	if !attemptID.MatchString(id) || err != nil {
		return core.OutputRange{}, core.Errorf(core.CodeNotFound, "there is no output %s/%s", clip(id, 64), clip(number, 16))
	}
	return core.OutputRange{Attempt: core.AttemptID(id), Step: step}, nil
}

// download answers with what there is now. Output is the work of strangers: it
// is plain text whatever it looks like.
func (s *Service) download(c *gin.Context) {
	want, err := wanted(c)
	if err != nil {
		fail(c, err)
		return
	}
	r, err := s.open(c.Request.Context(), want)
	if err != nil {
		fail(c, err)
		return
	}
	defer r.Close()
	h := c.Writer.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	h.Set("Cache-Control", "private, no-cache")
	// Bytes never change, so the length names the content.
	h.Set("ETag", fmt.Sprintf(`"%s-%d-%d"`, want.Attempt, want.Step, r.info.Kept))
	http.ServeContent(httpx.Patient(c.Writer), c.Request, "", time.Time{}, r)
}

// retry is what clients wait before they connect again.
const retry = time.Second

// stream follows a step from Last-Event-ID, or from ?offset=, or from its
// beginning.
func (s *Service) stream(c *gin.Context) {
	want, err := wanted(c)
	if err == nil {
		want.Follow = true
		want.Offset, err = resumeAt(c)
	}
	if err != nil {
		fail(c, err)
		return
	}
	r, err := s.open(c.Request.Context(), want)
	if err != nil {
		fail(c, err)
		return
	}
	w, err := sse.NewWriter(c.Writer)
	if err == nil {
		err = w.Retry(retry)
	}
	if err != nil {
		r.Close()
		s.abort(c, err)
	}
	if err := sse.CopyOutput(c.Request.Context(), w, r, want.Offset, sse.Beat); err != nil {
		s.abort(c, err)
	}
}

func resumeAt(c *gin.Context) (int64, error) {
	text := strings.TrimSpace(c.GetHeader("Last-Event-ID"))
	if text == "" {
		text = c.DefaultQuery("offset", "0")
	}
	offset, err := strconv.ParseInt(text, 10, 64)
	if err != nil || offset < 0 {
		return 0, core.Errorf(core.CodeInvalid, "%q is no offset in output: give the number of a byte, from 0", clip(text, 40))
	}
	return offset, nil
}
