// SPDX-License-Identifier: MPL-2.0

package output

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/wire"
)

// streamInfo is where the bytes of a step are and whether more may come.
type streamInfo struct {
	Status   core.JobStatus  `bun:"status"`
	Phase    phase           `bun:"phase"`
	Object   string          `bun:"object"`
	Step     core.StepStatus `bun:"step"`
	Begun    bool            `bun:"begun"`
	Kept     int64           `bun:"kept"`
	ObjectAt int64           `bun:"object_at"`
	Frames   []byte          `bun:"frames"`
}

// over tells that no more bytes are to be waited for: the step has ended, or
// its attempt has without a word on the step.
func (i *streamInfo) over() bool {
	return i.Status.Ended() || i.Step != "" && i.Step != core.StepRunning
}

// lookUp returns the state of a step's output, CodeNotFound when the attempt or
// the step is not known, or its output is too old to be kept.
func (s *Service) lookUp(ctx context.Context, id core.AttemptID, step int) (*streamInfo, error) {
	var in streamInfo
	err := s.deps.DB.NewSelect().TableExpr("attempts AS a").
		ColumnExpr("a.status, a.phase, a.object, COALESCE(st.status, '') AS step").
		ColumnExpr("(st.number IS NOT NULL OR s.kept IS NOT NULL) AS begun").
		ColumnExpr("COALESCE(s.kept, 0) AS kept, COALESCE(s.object_at, 0) AS object_at, s.frames").
		Join("LEFT JOIN steps AS st ON st.attempt_id = a.id AND st.number = ?", step).
		Join("LEFT JOIN streams AS s ON s.attempt_id = a.id AND s.stream = ?", wire.StepStream(step)).
		Where("a.id = ?", string(id)).Scan(ctx, &in)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, core.Errorf(core.CodeNotFound, "there is no output of attempt %s", id)
	case err != nil:
		return nil, fmt.Errorf("looking up output: %w", err)
	case in.Phase == phaseExpired:
		return nil, core.Errorf(core.CodeNotFound, "the output of attempt %s was deleted: it is older than this installation keeps output", id)
	case !in.Begun:
		return nil, core.Errorf(core.CodeNotFound, "attempt %s has no step %d", id, step)
	}
	return &in, nil
}

// ReadOutput implements core.Output. The reader is for one goroutine, but Close
// may be called at any time and ends a Read that waits.
func (s *Service) ReadOutput(ctx context.Context, r core.OutputRange) (io.ReadCloser, error) {
	return s.open(ctx, r)
}

func (s *Service) open(ctx context.Context, r core.OutputRange) (*reader, error) {
	switch {
	case r.Offset < 0 || r.Limit < 0:
		return nil, core.Errorf(core.CodeInvalid, "offset and limit of output must not be negative")
	case r.Follow && r.Limit > 0:
		return nil, core.Errorf(core.CodeInvalid, "output cannot be followed up to a limit")
	case r.Step < 0 || r.Step >= wire.MaxStreams:
		return nil, core.Errorf(core.CodeInvalid, "%d is no number of a step", r.Step)
	}
	in, err := s.lookUp(ctx, r.Attempt, r.Step)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	out := &reader{s: s, ctx: ctx, cancel: cancel, want: r, info: in, offset: r.Offset, end: -1, unsubscribe: func() {}}
	if r.Limit > 0 {
		out.end = r.Offset + r.Limit
	}
	if r.Follow {
		out.hint, out.unsubscribe = s.deps.Hints.Subscribe(attemptTopic(r.Attempt))
	}
	s.metrics.readers.Inc()
	return out, nil
}

// reader pulls bytes by offset. What happens to the rows meanwhile (more come,
// the sealer moves them) changes where the next bytes are found, not which.
type reader struct {
	s      *Service
	ctx    context.Context // of the request: io.Reader has no other way
	cancel context.CancelFunc
	want   core.OutputRange
	info   *streamInfo
	offset int64
	end    int64 // -1 for none
	buf    []byte

	wide  atomic.Bool // it has one of the places for a whole window
	since time.Time   // when it got buf; zero before the first

	hint        <-chan struct{}
	unsubscribe func()
	closing     sync.Once
}

// Close ends the reader and a Read that waits.
func (r *reader) Close() error {
	r.closing.Do(func() {
		r.cancel()
		r.unsubscribe()
		r.narrow()
		r.s.metrics.readers.Dec()
	})
	return nil
}

// Read implements io.Reader.
func (r *reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if r.end >= 0 && r.offset >= r.end {
		return 0, io.EOF
	}
	if len(r.buf) == 0 {
		data, err := r.next()
		if err != nil {
			return 0, err
		}
		r.buf, r.since = data, time.Now()
	}
	if r.end >= 0 && int64(len(p)) > r.end-r.offset {
		p = p[:r.end-r.offset]
	}
	n := copy(p, r.buf)
	r.buf, r.offset = r.buf[n:], r.offset+int64(n)
	return n, nil
}

// maxMisses is how often bytes that the row promises may be found in neither
// place: once each time the sealer moves them under the reader.
const maxMisses = 5

// next returns the bytes at the offset, waiting for them when it follows.
func (r *reader) next() ([]byte, error) {
	for misses := 0; ; {
		data, err := r.fetch()
		if err != nil || len(data) > 0 {
			return data, err
		}
		if r.info, err = r.s.lookUp(r.ctx, r.want.Attempt, r.want.Step); err != nil {
			return nil, err
		}
		if r.offset < r.info.Kept {
			if misses++; misses > maxMisses {
				return nil, core.Errorf(core.CodeInternal, "output of attempt %s, step %d is missing at %d of %d", r.want.Attempt, r.want.Step, r.offset, r.info.Kept)
			}
			continue
		}
		if !r.want.Follow || r.info.over() {
			return nil, io.EOF
		}
		if err := r.wait(); err != nil {
			return nil, err
		}
	}
}

// fetch looks where the bytes were when last asked. Chunks are asked for
// without knowing whether there are any: while a build writes there mostly are.
func (r *reader) fetch() ([]byte, error) {
	most := r.widen()
	data, err := r.read(most)
	if len(data) <= glance {
		r.narrow()
	}
	return data, err
}

func (r *reader) read(most int) ([]byte, error) {
	if r.info.Phase.inObject() {
		if r.offset >= r.info.Kept {
			return nil, nil
		}
		return r.s.readObject(r.ctx, r.info, r.offset, most)
	}
	select {
	case r.s.looks <- struct{}{}:
		defer func() { <-r.s.looks }()
	case <-r.ctx.Done():
		return nil, r.ctx.Err()
	}
	return r.s.readChunks(r.ctx, r.want.Attempt, wire.StepStream(r.want.Step), r.offset, most)
}

const (
	// wideReaders is how many readers may have a whole window in memory at once.
	wideReaders = 32
	// lookers is how many may read chunks at the same time: more than there are
	// connections to the database gain nothing by it.
	lookers = 16
	// brisk is how fast a reader takes what it got to be given more at once.
	brisk = time.Second
)

// widen returns how much to get next: a window for those who took the last
// quickly, as long as there are places. A slow one has little in memory, so that
// any number of them may sleep.
func (r *reader) widen() int {
	if r.since.IsZero() || time.Since(r.since) > brisk {
		r.narrow()
		return glance
	}
	if r.wide.Load() {
		return window
	}
	select {
	case r.s.windows <- struct{}{}:
		r.wide.Store(true)
	default:
		return glance
	}
	if r.ctx.Err() != nil { // Close may have been here before
		r.narrow()
	}
	return window
}

// narrow gives the place back.
func (r *reader) narrow() {
	if r.wide.CompareAndSwap(true, false) {
		<-r.s.windows
	}
}

// wait returns when there may be more.
func (r *reader) wait() error {
	poll := time.NewTimer(r.s.cfg.Poll)
	defer poll.Stop()
	select {
	case <-r.ctx.Done():
		return r.ctx.Err()
	case <-r.s.stopped:
		return errStopping()
	case <-r.hint:
	case <-poll.C:
	}
	return nil
}

// Seek implements io.Seeker over what is there now, for answers to ranges.
func (r *reader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += r.offset
	case io.SeekEnd:
		offset += r.info.Kept
	}
	if offset < 0 {
		return 0, core.Errorf(core.CodeInvalid, "output cannot be read from %d", offset)
	}
	r.buf, r.offset = nil, offset
	return offset, nil
}
