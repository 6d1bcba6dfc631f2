// SPDX-License-Identifier: MPL-2.0

package output

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/klauspost/compress/zstd"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/httpx"
	"github.com/muster-ci/muster/internal/wire"
)

// AgentRoutes adds the calls of internal/wire. They prove by themselves who
// calls: nothing is to stand before them.
func (s *Service) AgentRoutes(r gin.IRouter) {
	g := r.Group("", s.onlyWhenReady)
	g.POST(wire.PathClaim, s.serveClaim)         // identity to work and token
	g.POST(wire.PathFrames, s.serveFrames)       // output and events
	g.POST(wire.PathHeartbeat, s.serveHeartbeat) // a sign of life
	g.GET(wire.PathSource, s.serveSource)        // the git bundle
	g.POST(wire.PathTimings, s.serveTimings)     // how long the job's tests take
	g.POST(wire.PathSiblings, s.serveSiblings)   // how the job's other tasks are
	s.archiveRoutes(g)
	s.grantRoutes(g)
}

// bodyTime is how long an agent may take to send one request.
const bodyTime = 30 * time.Second

// onlyWhenReady answers for tables that are not there yet.
func (s *Service) onlyWhenReady(c *gin.Context) {
	if !s.migrated.Load() {
		refuse(c, core.Errorf(core.CodeUnavailable, "output is not ready"), nil)
	}
}

// refuse answers with an error: 410 where the agent is to stop its work.
// Internal texts stay in the log.
func refuse(c *gin.Context, err error, streams map[int]int64) {
	_ = c.Error(err)
	code := core.ErrorCode(err)
	status := httpx.Status(code)
	if errors.Is(err, errGone) {
		status = http.StatusGone
	}
	c.AbortWithStatusJSON(status, wire.Error{Code: code, Message: core.ErrorMessage(err), Streams: streams})
}

func (s *Service) serveClaim(c *gin.Context) {
	var r wire.ClaimRequest
	if err := readJSON(c, smallCall, &r); err != nil {
		refuse(c, err, nil)
		return
	}
	identity := httpx.Bearer(c.Request)
	if identity == "" {
		refuse(c, core.Errorf(core.CodeUnauthorized, "the request has no workload identity"), nil)
		return
	}
	answer, err := s.claim(c.Request.Context(), identity, r)
	if err != nil {
		refuse(c, err, nil)
		return
	}
	c.Header("Cache-Control", "no-store")
	c.JSON(http.StatusOK, answer)
}

// smallCall is the most bytes of a body that names one or two things.
const smallCall = 16 << 10

// readJSON reads a body of at most limit bytes.
func readJSON(c *gin.Context, limit int64, v any) error {
	limitTime(c, bodyTime)
	defer freeTime(c)
	if err := json.NewDecoder(http.MaxBytesReader(c.Writer, c.Request.Body, limit)).Decode(v); err != nil {
		return core.Errorf(core.CodeInvalid, "reading the request: %w", err)
	}
	return nil
}

// session returns what the task token stands for; a failure is answered.
func (s *Service) session(c *gin.Context) (session, bool) {
	in, err := s.authenticate(c.Request.Context(), httpx.Bearer(c.Request))
	if err != nil {
		refuse(c, err, nil)
		return session{}, false
	}
	return in, true
}

// runningSession is session for what only an attempt that has not ended may ask.
func (s *Service) runningSession(c *gin.Context) (session, bool) {
	in, ok := s.session(c)
	if ok && !in.ended.IsZero() {
		refuse(c, gone(in.attempt), nil)
		return session{}, false
	}
	return in, ok
}

func (s *Service) serveFrames(c *gin.Context) {
	ctx := c.Request.Context()
	id, err := s.owner(ctx, httpx.Bearer(c.Request))
	if err != nil {
		refuse(c, err, nil)
		return
	}
	leave, err := s.room.enter(ctx, id)
	if err != nil {
		refuse(c, err, nil)
		return
	}
	defer leave()
	limitTime(c, s.bodyTime)
	body, done, err := decoded(c)
	if err != nil {
		refuse(c, err, nil)
		return
	}
	r, err := s.receive(ctx, body)
	defer r.release()
	done() // nothing of it waits for the database
	if err != nil {
		refuse(c, err, nil)
		return
	}
	freeTime(c)
	out := s.frames(ctx, id, r)
	switch {
	case out.err == nil:
		c.JSON(http.StatusOK, out.acks)
	case errors.Is(out.err, errGap):
		refuse(c, out.err, out.acks.Streams)
	default:
		refuse(c, out.err, nil)
	}
}

// limitTime bounds the reading of the body. A writer without deadlines (in
// tests) waits longer. freeTime lifts the bound: the server itself reads on to
// notice when the client goes away.
func limitTime(c *gin.Context, most time.Duration) {
	_ = http.NewResponseController(c.Writer).SetReadDeadline(time.Now().Add(most))
}

func freeTime(c *gin.Context) {
	_ = http.NewResponseController(c.Writer).SetReadDeadline(time.Time{})
}

// overhead is what the heads of frames may add to their payloads.
const overhead = 256 << 10

// decoders keeps decompressors, whose buffers are worth keeping.
var decoders = sync.Pool{New: func() any {
	return must(zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(8<<20), zstd.WithDecoderMaxMemory(wire.MaxRequest+overhead)))
}}

// decoded returns the body without its compression; done gives its buffers
// back. How much comes out is bounded by the decoder of frames.
func decoded(c *gin.Context) (body io.Reader, done func(), err error) {
	raw := http.MaxBytesReader(c.Writer, c.Request.Body, wire.MaxRequest+overhead)
	switch encoding := c.GetHeader("Content-Encoding"); encoding {
	case "", "identity":
		return raw, func() {}, nil
	case "zstd":
		d := decoders.Get().(*zstd.Decoder)
		if err := d.Reset(raw); err != nil {
			return nil, nil, core.Errorf(core.CodeInvalid, "reading a compressed body: %w", err)
		}
		return d, func() {
			_ = d.Reset(nil) // lets go of the body; it cannot fail
			decoders.Put(d)
		}, nil
	default:
		return nil, nil, core.Errorf(core.CodeInvalid, "the body is encoded as %q, it may be zstd or identity", clip(encoding, 40))
	}
}

func (s *Service) serveHeartbeat(c *gin.Context) {
	in, ok := s.session(c)
	if !ok {
		return
	}
	var beat wire.Heartbeat
	if err := readJSON(c, smallCall, &beat); err != nil {
		refuse(c, err, nil)
		return
	}
	acks, err := s.heartbeat(c.Request.Context(), in)
	if err != nil {
		refuse(c, err, nil)
		return
	}
	c.JSON(http.StatusOK, acks)
}

// serveSource streams the bundle that the task's own pipeline was started with
// and no other: its key comes from the claim.
func (s *Service) serveSource(c *gin.Context) {
	in, ok := s.runningSession(c)
	if !ok {
		return
	}
	if in.bundle == "" {
		refuse(c, core.Errorf(core.CodeNotFound, "the source of this task is a repository and no bundle"), nil)
		return
	}
	r, err := s.deps.Objects.Get(c.Request.Context(), in.bundle)
	if core.ErrorCode(err) == core.CodeNotFound {
		err = core.Errorf(core.CodeNotFound, "the uploaded source of this pipeline is not kept any more; upload it anew with a new pipeline")
	}
	if err != nil {
		refuse(c, err, nil)
		return
	}
	defer r.Close()
	c.Header("Content-Type", "application/x-git-bundle")
	c.Status(http.StatusOK)
	if _, err := io.Copy(httpx.Patient(c.Writer), r); err != nil {
		s.abort(c, err)
	}
}
