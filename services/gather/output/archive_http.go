// SPDX-License-Identifier: MPL-2.0

package output

import (
	"context"
	"encoding/json"
	"io"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/httpx"
	"github.com/muster-ci/muster/internal/objects"
	"github.com/muster-ci/muster/internal/wire"
)

// maxArchiveCall is the most bytes of a call about archives but for a commit:
// as many keys as may be looked for, with room.
const maxArchiveCall = 512 << 10

// archiveRoutes adds the calls about archives, and where the folder store's
// signed URLs lead to.
func (s *Service) archiveRoutes(r gin.IRouter) {
	r.POST(wire.PathArchiveBegin, agentCall(s, maxArchiveCall, s.archives.Begin))       // a place for a new one
	r.POST(wire.PathArchiveUpload, agentCall(s, maxArchiveCall, s.archives.Upload))     // where to PUT parts
	r.POST(wire.PathArchiveFind, agentCall(s, maxArchiveCall, s.archives.Find))         // caches and layers
	r.POST(wire.PathArchiveDownload, agentCall(s, maxArchiveCall, s.archives.Download)) // where to GET parts
	r.POST(wire.PathArchiveCommit, agentCall(s, wire.MaxArchiveCommit, s.archives.Commit))

	bucket := gin.WrapH(s.deps.Objects.Handler())
	r.GET(objects.HandlerPath, bucket)
	r.PUT(objects.HandlerPath, bucket)
}

// agentCall answers a running attempt, which its task token stands for, with
// what f makes of a JSON body. What has ended may not call any more.
func agentCall[In, Out any](s *Service, limit int64, f func(context.Context, core.AttemptID, In) (Out, error)) gin.HandlerFunc {
	return func(c *gin.Context) {
		in, ok := s.runningSession(c)
		if !ok {
			return
		}
		var body In
		places := places{room: s.room}
		defer places.release()
		c.Request.Body = places.body(c.Request.Context(), c.Request.Body)
		if err := readJSON(c, limit, &body); err != nil {
			refuse(c, err, nil)
			return
		}
		out, err := f(c.Request.Context(), in.attempt, body)
		if err != nil {
			refuse(c, err, nil)
			return
		}
		c.Header("Cache-Control", "no-store")
		c.JSON(http.StatusOK, out)
	}
}

// serveBytes answers a service with bytes as they are. An answer that breaks off
// says that there is more.
func serveBytes[In any](s *Service, open func(context.Context, In) (io.ReadCloser, error)) gin.HandlerFunc {
	return func(c *gin.Context) {
		var want In
		if err := json.NewDecoder(io.LimitReader(c.Request.Body, 64<<10)).Decode(&want); err != nil {
			httpx.Fail(c, core.Errorf(core.CodeInvalid, "reading what is asked for: %w", err))
			return
		}
		r, err := open(c.Request.Context(), want)
		if err != nil {
			httpx.Fail(c, err)
			return
		}
		defer r.Close()
		c.Header("Content-Type", "application/octet-stream")
		c.Status(http.StatusOK)
		if _, err := io.Copy(httpx.Patient(c.Writer), r); err != nil {
			s.abort(c, err)
		}
	}
}
