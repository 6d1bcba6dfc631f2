// SPDX-License-Identifier: MPL-2.0

package stream

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/muster-ci/muster/agent/mask"
	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/wire"
)

// Limits of the texts of an event, so that a line stays below wire.MaxEvent
// even if every byte of them has to be escaped.
const (
	maxName    = 1 << 10
	maxCommand = 4 << 10
	maxReason  = 4 << 10
)

// Recorder writes events and step output to a spool, masked.
type Recorder struct {
	ctx   context.Context // ends when the output is given up; see NewRecorder
	spool *Spool
	masks *mask.Set
	limit int64
	clock core.Clock
}

// NewRecorder returns a Recorder of which each step may write limit bytes; 0
// means no limit. Writes wait for space in the spool until ctx ends, which is
// not the build's context: a build that is canceled still tells its end.
func NewRecorder(ctx context.Context, spool *Spool, masks *mask.Set, limit int64, clock core.Clock) *Recorder {
	return &Recorder{ctx: ctx, spool: spool, masks: masks, limit: limit, clock: clock}
}

// Event adds an event. Its time is set when it has none, its texts are masked
// and clipped.
func (r *Recorder) Event(e wire.Event) error {
	if e.At.IsZero() {
		e.At = r.clock()
	}
	e.Name = r.text(e.Name, maxName)
	e.Command = r.text(e.Command, maxCommand)
	e.Kind = r.text(e.Kind, maxName)
	e.Reason = r.text(e.Reason, maxReason)
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encoding an event: %w", err)
	}
	if err := r.spool.Append(r.ctx, wire.EventStream, append(line, '\n')); err != nil {
		return err
	}
	if e.Type == wire.StepStarted {
		r.spool.Hurry()
	}
	return nil
}

// text masks before it clips, so that no clipped secret slips through.
func (r *Recorder) text(s string, most int) string {
	s = strings.ToValidUTF8(r.masks.String(s), "\uFFFD")
	if len(s) <= most {
		return s
	}
	const ellipsis = "\u2026"
	return strings.ToValidUTF8(s[:most-len(ellipsis)], "") + ellipsis
}

// Step returns the writer of a step's output. It must be closed.
func (r *Recorder) Step(number int) *StepWriter {
	w := &StepWriter{recorder: r, number: number, stream: wire.StepStream(number)}
	w.masked = r.masks.Writer((*limited)(w))
	return w
}
