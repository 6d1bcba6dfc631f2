// SPDX-License-Identifier: MPL-2.0

package output

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/wire"
)

// errGone says that the attempt is over and nothing more is taken. It is
// final for the agent: the answer is 410.
var errGone = errors.New("gone")

// errGap is a frame beyond the end of its stream: the answer is 409 with the
// lengths.
var errGap = errors.New("gap")

func gone(id core.AttemptID) error {
	return &core.Error{Code: core.CodeConflict, Message: fmt.Sprintf("attempt %s has ended", id), Err: errGone}
}

type streamKey struct {
	attempt core.AttemptID
	stream  int
}

// batch is what one transaction knows and changes: the rules of the protocol
// over rows that were read before, without a database.
type batch struct {
	cfg      Config
	now      time.Time
	attempts map[core.AttemptID]*attemptRow
	streams  map[streamKey]*streamRow
	steps    map[streamKey]*stepRow // by step number

	chunks  []chunkRow
	reports []*reportRow
	usage   map[core.AttemptID][]wire.Usage // told of the use of resources
	ssh     map[core.AttemptID]wire.Event   // where attempts can be logged in to
	logins  []login                         // sessions over SSH that began
	// What changed and must be written back.
	grown   map[streamKey]bool
	told    map[streamKey]bool
	heard   map[core.AttemptID]bool // any byte
	changed map[core.AttemptID]bool // more than bytes
	ended   map[core.AttemptID]bool
	news    map[core.PipelineID]bool // whose followers there is something for

	received, dropped int64
}

// login is a session over SSH, for the log.
type login struct {
	attempt core.AttemptID
	user    core.UserID // who asked for the job; nobody else has a key
	event   wire.Event
}

func newBatch(cfg Config, now time.Time) *batch {
	return &batch{
		cfg: cfg, now: now,
		attempts: make(map[core.AttemptID]*attemptRow),
		usage:    make(map[core.AttemptID][]wire.Usage),
		streams:  make(map[streamKey]*streamRow),
		steps:    make(map[streamKey]*stepRow),
		grown:    make(map[streamKey]bool),
		told:     make(map[streamKey]bool),
		heard:    make(map[core.AttemptID]bool),
		changed:  make(map[core.AttemptID]bool),
		ended:    make(map[core.AttemptID]bool),
		ssh:      make(map[core.AttemptID]wire.Event),
		news:     make(map[core.PipelineID]bool),
	}
}

// apply takes the pieces of one request in order up to the first bad one and
// says what to answer.
func (b *batch) apply(sub *submission) outcome {
	a := b.attempts[sub.attempt]
	if a == nil || a.void(b.now) {
		return outcome{err: gone(sub.attempt)}
	}
	out := outcome{acks: wire.Acks{Stop: a.Stop}}
	if a.Status.Ended() {
		out.acks.Stop = stopCanceled // closed under an agent that still works
	}
	b.heard[sub.attempt] = true
	for i := range sub.pieces {
		if out.err = b.take(a, &sub.pieces[i]); out.err != nil {
			break
		}
	}
	out.acks.Streams = make(map[int]int64)
	for _, p := range sub.pieces {
		out.acks.Streams[p.stream] = b.stream(sub.attempt, p.stream).Bytes
	}
	return out
}

// take applies one piece: known bytes are skipped, a gap is refused.
func (b *batch) take(a *attemptRow, p *piece) error {
	st := b.stream(a.attempt(), p.stream)
	end := p.offset + int64(p.size)
	if p.offset > st.Bytes {
		return &core.Error{Code: core.CodeConflict, Err: errGap, Message: fmt.Sprintf(
			"stream %d has %d bytes and the frame begins at %d", p.stream, st.Bytes, p.offset)}
	}
	if end <= st.Bytes {
		return nil
	}
	if !b.open(a) {
		return gone(a.attempt())
	}
	if end > wire.MaxStream {
		return core.Errorf(core.CodeInvalid, "stream %d would be longer than %d bytes", p.stream, wire.MaxStream)
	}
	fresh := end - st.Bytes
	if p.stream == wire.EventStream {
		data, err := p.plain()
		if err != nil {
			return err
		}
		if err := b.events(a, st, data[p.size-int(fresh):]); err != nil {
			return err
		}
	}
	b.received += fresh
	b.grown[streamKey{a.attempt(), p.stream}] = true
	return b.keep(a, st, p, fresh)
}

// open tells whether new bytes of the attempt are welcome. Once the sealer has
// begun none are, whatever a clock says.
func (b *batch) open(a *attemptRow) bool {
	if !a.Status.Ended() {
		return true
	}
	return a.Phase == phaseOpen && b.now.Before(a.EndedAt.Time().Add(b.cfg.Grace))
}

// markRoom is what a stream may have over the agent's limit: the mark that the
// agent writes when it reaches that.
const markRoom = 4 << 10

// cutMark is what readers see where this server dropped bytes.
const cutMark = "\n\n[The output limit was reached here; the rest was dropped.]\n"

// keep stores bytes within the limits. A well-behaved agent reaches only the
// attempt's: it stops by itself at the step's. What is over is acknowledged, so
// that the build goes on, and dropped behind a mark.
func (b *batch) keep(a *attemptRow, st *streamRow, p *piece, fresh int64) error {
	st.Bytes += fresh
	if st.Cut {
		b.dropped += fresh
		return nil
	}
	room := fresh
	if p.stream != wire.EventStream {
		room = max(0, min(room, b.cfg.StepBytes+markRoom-st.Kept, b.cfg.AttemptBytes-a.Bytes))
	}
	if room == int64(p.size) {
		b.store(a, st, p.body, p.size)
		return nil
	}
	data, err := p.plain()
	if err != nil {
		return err
	}
	data = data[p.size-int(fresh):][:room]
	if room < fresh {
		b.dropped += fresh - room
		st.Cut = true
		data = slices.Concat(data, []byte(cutMark))
	}
	b.store(a, st, pack(nil, data), len(data))
	return nil
}

func (b *batch) store(a *attemptRow, st *streamRow, body body, size int) {
	row := chunkRow{attempt: a.attempt(), stream: st.Stream, start: st.Kept, size: size, body: body}
	b.chunks = append(b.chunks, row)
	st.Kept += int64(size)
	if st.Stream != wire.EventStream {
		a.Bytes += int64(size)
		if row.start == 0 {
			b.newsOf(a) // of its head
		}
	}
}

// stream returns the row of a stream, a new one when there is none.
func (b *batch) stream(id core.AttemptID, stream int) *streamRow {
	key := streamKey{id, stream}
	if b.streams[key] == nil {
		b.streams[key] = &streamRow{Attempt: id, Stream: stream}
	}
	return b.streams[key]
}

// events reads the lines that fresh bytes of the event stream complete.
func (b *batch) events(a *attemptRow, st *streamRow, fresh []byte) error {
	if st.Bytes+int64(len(fresh)) > maxEvents {
		return core.Errorf(core.CodeInvalid, "the attempt has more than %d bytes of events", maxEvents)
	}
	events, rest, err := parseEvents(slices.Concat(a.EventTail, fresh), b.now)
	if err != nil {
		return err
	}
	if len(rest) > 0 || len(a.EventTail) > 0 {
		a.EventTail = rest
		b.changed[a.attempt()] = true
	}
	for _, e := range events {
		b.tell(a, e)
	}
	return nil
}

// tell applies one event.
func (b *batch) tell(a *attemptRow, e wire.Event) {
	id := a.attempt()
	if e.Type == wire.TaskUsage { // no news: nobody follows it
		b.usage[id] = append(b.usage[id], *e.Usage)
		return
	}
	b.newsOf(a)
	switch e.Type {
	case wire.TaskStarted:
		a.AgentVersion, a.Host = e.AgentVersion, e.Host
		b.changed[id] = true
	case wire.StepStarted:
		b.step(id, e.Step).start(e, e.At)
		if e.Fingerprint != "" {
			b.logins = append(b.logins, login{attempt: id, event: e})
		}
	case wire.SSHReady:
		b.ssh[id] = e
	case wire.StepEnded:
		b.step(id, e.Step).finish(e, e.At)
	case wire.TaskEnded:
		if a.end(e.Status, e.Reason, b.now) {
			b.changed[id], b.ended[id] = true, true
			report := newReport(id, e.Status, e.Reason, e.At, b.now)
			report.Memory = e.OutOfMemory
			b.reports = append(b.reports, report)
		}
	}
}

func (b *batch) newsOf(a *attemptRow) {
	a.tell(b.now)
	b.news[a.Pipeline] = true
}

func (b *batch) step(id core.AttemptID, number int) *stepRow {
	key := streamKey{id, number}
	if b.steps[key] == nil {
		b.steps[key] = &stepRow{Attempt: id, Number: number}
	}
	b.told[key] = true
	return b.steps[key]
}

// seen records the sign of life.
func (b *batch) seen() {
	for id := range b.heard {
		b.attempts[id].SeenAt = store.At(b.now)
	}
}
