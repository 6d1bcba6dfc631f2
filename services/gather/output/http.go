// SPDX-License-Identifier: MPL-2.0

package output

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/httpx"
)

// Routes adds what services call; r is prefixed and authenticated already.
func (s *Service) Routes(r gin.IRouter) {
	r.POST("/task-steps", httpx.Callers("gateway"), httpx.Method(s.TaskSteps))            // attempts of tasks with their steps
	r.POST("/task-usage", httpx.Callers("gateway"), httpx.Method(s.TaskUsage))            // what attempts of tasks used
	r.POST("/read-output", httpx.Callers("gateway"), s.serveOutput)                       // bytes of a step as they are, core.OutputRange
	r.POST("/follow-steps", httpx.Callers("gateway"), s.serveSteps)                       // attempts of a pipeline as their steps change
	r.POST("/close-attempts", httpx.Callers("placements"), httpx.Action(s.CloseAttempts)) // ended without the agent's word
	r.POST("/stop-output", httpx.Callers("placements"), httpx.Action(s.StopOutput))       // a wish for agents
	r.POST("/list-artifacts", httpx.Callers("gateway"), httpx.Method(s.archives.ListArtifacts))
	r.POST("/artifact", httpx.Callers("gateway"), httpx.Method(s.archives.Artifact))
	r.POST("/read-artifact", httpx.Callers("gateway"), serveBytes(s, s.archives.ReadArtifact)) // plain bytes
	r.POST("/list-caches", httpx.Callers("gateway"), httpx.Method(s.archives.ListCaches))
	r.POST("/clear-caches", httpx.Callers("gateway"), httpx.Method(s.archives.ClearCaches))
	r.POST("/open-archive", httpx.Callers("results"), serveBytes(s, s.archives.OpenArchive)) // plain tar
	r.POST("/ssh-places", httpx.Callers("gateway"), httpx.Method(s.SSHPlaces))               // where tasks can be logged in to
	r.POST("/call-ssh", httpx.Callers("gateway"), s.serveCall)                               // a connection to one, core.SSHCall
	httpx.StuckRoutes(r, s.stuck)
}

// serveOutput answers with the bytes of a step, flushed as they come. An answer
// that breaks off says that there is more: the caller resumes at its offset.
func (s *Service) serveOutput(c *gin.Context) {
	var want core.OutputRange
	if err := json.NewDecoder(io.LimitReader(c.Request.Body, 64<<10)).Decode(&want); err != nil {
		httpx.Fail(c, core.Errorf(core.CodeInvalid, "reading the range of output: %w", err))
		return
	}
	r, err := s.open(c.Request.Context(), want)
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	defer r.Close()
	c.Header("Content-Type", "application/octet-stream")
	c.Status(http.StatusOK)
	c.Writer.WriteHeaderNow()
	if err := copyFlushed(c.Writer, r); err != nil {
		s.abort(c, err)
	}
}

// copyFlushed copies and hands every piece on at once.
func copyFlushed(w http.ResponseWriter, r io.Reader) error {
	rc := http.NewResponseController(w)
	w = httpx.Patient(w)
	buf := make([]byte, 32<<10)
	for {
		// A step that is silent for now must not look like no answer at all.
		if err := rc.Flush(); err != nil {
			return err
		}
		n, err := r.Read(buf)
		if _, err := w.Write(buf[:n]); err != nil {
			return err
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// abort ends an answer that has begun so that the client sees it break off. A
// client that went away is no news.
func (s *Service) abort(c *gin.Context, err error) {
	if c.Request.Context().Err() == nil && !errors.Is(err, context.Canceled) {
		s.deps.Logger.Warn("output could not be read to its end", "path", c.FullPath(), "error", err)
	}
	panic(http.ErrAbortHandler)
}
