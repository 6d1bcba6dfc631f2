// SPDX-License-Identifier: MPL-2.0

package follow

import (
	"context"
	"errors"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/muster-ci/muster/core"
)

const (
	// maxOpen bounds how many steps one reader reads at once; the others wait
	// for a place and lose nothing.
	maxOpen = 64
	// maxChunk is the most bytes of one output event.
	maxChunk = 32 << 10
	// retryAfter is the pause before a step is read again whose reading broke.
	retryAfter = 500 * time.Millisecond
	// ahead is how many steps are read before it is their turn, so that a row of
	// short ones does not cost a request each, and maxHeld how much of each.
	ahead   = 3
	maxHeld = 64 << 10
	// idPause and idSize: a short cursor goes out with every output event, a
	// long one once per pause.
	idPause = time.Second
	idSize  = 200
)

type stepKey struct {
	attempt core.AttemptID
	step    int
}

// stepProgress is what the reader was told of a step.
//
//	(held ─►) begun ─► reading ⇄ paused ─► ended
type stepProgress struct {
	place  Place
	begun  bool
	ended  bool
	offset int64  // bytes told
	held   []byte // read before its turn
	carry  []byte // read, but ending inside a character
	stop   context.CancelFunc
	follow bool // how it is being read
	again  time.Time
}

// chunk is what a reading goroutine got.
type chunk struct {
	key  stepKey
	at   int64 // where data begins
	data []byte
	err  error // the last chunk of a reading has one; end of file is the regular one
}

// tellAttempts returns whether all steps known so far have been told.
func (f *follower) tellAttempts(ctx context.Context, readers *sync.WaitGroup, job *JobView) (bool, error) {
	all := true
	for i, a := range job.Attempts {
		// Nothing is added to an attempt that has another one behind it, nor to
		// any once the job has ended: a step that still runs there was lost.
		closed := job.Final || a.Status.Ended() || i+1 < len(job.Attempts) && job.Attempts[i+1].Task == a.Task
		place := Place{Job: job.ID, Index: f.index(job, a.Task), Attempt: a.Attempt, Number: a.Number}
		ready := true // the foreground steps so far have ended
		early := 0
		for _, step := range a.Steps {
			if !ready {
				if all = false; early == ahead {
					break
				}
				early++
				f.readAhead(ctx, readers, place, step, job.Heads, closed)
				continue
			}
			ended, err := f.tellStep(ctx, readers, place, step, job.Heads, closed)
			if err != nil {
				return false, err
			}
			all = all && ended
			ready = ended || step.Background
		}
	}
	return all, nil
}

func (f *follower) index(job *JobView, task core.TaskID) int {
	for _, t := range job.Tasks {
		if t.ID == task {
			return t.Index
		}
	}
	return 0
}

// tellStep returns whether all of the step has been told.
func (f *follower) tellStep(ctx context.Context, readers *sync.WaitGroup, place Place, step core.Step, heads map[stepKey][]byte, closed bool) (bool, error) {
	key := stepKey{place.Attempt, step.Number}
	p := f.steps[key]
	if p == nil {
		p = f.resume(place, key)
	}
	if p.ended {
		return true, nil
	}
	if !p.begun {
		p.begun = true
		if err := f.send(Event{Step: &StepEvent{Place: place, Step: beginning(step)}}); err != nil {
			return false, err
		}
	}
	p.hold(heads[key])
	if err := f.tellHeld(p, key); err != nil {
		return false, err
	}
	complete := closed || step.StoppedAt != nil
	if complete && p.offset+int64(len(p.carry)) >= step.Bytes {
		return true, f.endStep(p, key, step)
	}
	f.read(ctx, readers, p, key, !complete)
	return false, nil
}

// readAhead starts to read a step whose turn has not come; take holds on to
// what arrives.
func (f *follower) readAhead(ctx context.Context, readers *sync.WaitGroup, place Place, step core.Step, heads map[stepKey][]byte, closed bool) {
	key := stepKey{place.Attempt, step.Number}
	p := f.steps[key]
	if p == nil {
		p = f.resume(place, key)
	}
	if p.ended {
		return
	}
	p.hold(heads[key])
	all := (closed || step.StoppedAt != nil) && p.got() >= step.Bytes
	if !all && p.stop == nil && len(p.held) < maxHeld {
		f.read(ctx, readers, p, key, !closed && step.StoppedAt == nil)
	}
}

// got is up to where the bytes of a step are here, told or not.
func (p *stepProgress) got() int64 { return p.offset + int64(len(p.carry)+len(p.held)) }

// hold keeps what a head has of a step beyond what is here.
func (p *stepProgress) hold(head []byte) {
	if got := p.got(); got < int64(len(head)) {
		p.held = append(p.held, head[got:]...)
	}
}

// tellHeld sends what was read before the step's turn.
func (f *follower) tellHeld(p *stepProgress, key stepKey) error {
	held := p.held
	p.held = nil
	return f.tellBytes(p, key, held, false)
}

// resume looks up in the cursor what the reader knows of a step.
func (f *follower) resume(place Place, key stepKey) *stepProgress {
	p := &stepProgress{place: place}
	if a := f.cursor.attempts[key.attempt]; a != nil {
		p.ended = a.done[int64(key.step)]
		p.offset = a.offsets[key.step]
	}
	f.steps[key] = p
	return p
}

// beginning is a step as it was when it began.
func beginning(step core.Step) core.Step {
	step.Status, step.StoppedAt, step.ExitCode, step.Error, step.Truncated = core.StepRunning, nil, nil, "", false
	return step
}

// endStep flushes what was held back and tells the end.
func (f *follower) endStep(p *stepProgress, key stepKey, step core.Step) error {
	if p.stop != nil {
		p.stop()
	}
	if err := f.tellBytes(p, key, nil, true); err != nil {
		return err
	}
	p.ended = true
	if step.Status == core.StepRunning {
		step.Status = core.StepLost
	}
	f.cursor.endStep(key.attempt, key.step)
	return f.send(Event{Step: &StepEvent{Place: p.place, Step: step}, Cursor: f.cursor.String()})
}

// read starts to read a step unless it is being read. A reading that follows a
// step whose end is known now is cut short and begun again without following:
// nobody would end it if the agent was lost.
func (f *follower) read(ctx context.Context, readers *sync.WaitGroup, p *stepProgress, key stepKey, follow bool) {
	if p.stop != nil {
		if p.follow && !follow {
			p.follow = false
			time.AfterFunc(retryAfter, p.stop)
		}
		return
	}
	if f.open >= maxOpen || time.Now().Before(p.again) {
		return
	}
	reading, stop := context.WithCancel(ctx)
	p.stop, p.follow = stop, follow
	f.open++
	want := core.OutputRange{Attempt: key.attempt, Step: key.step, Offset: p.got(), Follow: follow}
	readers.Go(func() {
		// The last word must arrive even when only this reading was stopped.
		f.hand(ctx, chunk{key: key, err: f.pump(reading, key, want)})
	})
}

// pump reads one step and hands over chunks until the output ends (io.EOF) or
// the reading is stopped.
func (f *follower) pump(ctx context.Context, key stepKey, want core.OutputRange) error {
	body, err := f.output.ReadOutput(ctx, want)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { body.Close() })
	defer func() {
		if stop() {
			body.Close()
		}
	}()
	for at := want.Offset; ; {
		data := make([]byte, maxChunk)
		n, err := body.Read(data)
		if n > 0 && !f.hand(ctx, chunk{key: key, at: at, data: data[:n]}) {
			return ctx.Err()
		}
		at += int64(n)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return err
		}
	}
}

// hand gives a chunk to the follower; false when the reading was stopped.
func (f *follower) hand(ctx context.Context, c chunk) bool {
	select {
	case f.chunks <- c:
		return true
	case <-ctx.Done():
		return false
	}
}

// take tells the bytes of a chunk, or notes that a reading has ended.
func (f *follower) take(c chunk) error {
	p := f.steps[c.key]
	if c.err == nil {
		if p == nil || p.ended {
			return nil
		}
		// A head may have been here first.
		c.data = c.data[min(max(0, p.got()-c.at), int64(len(c.data))):]
		switch {
		case !p.begun:
			if p.held = append(p.held, c.data...); len(p.held) >= maxHeld && p.stop != nil {
				p.stop() // the rest is read in its turn
			}
			return nil
		}
		return f.tellBytes(p, c.key, c.data, false)
	}
	f.open--
	if p == nil {
		return nil
	}
	p.stop()
	p.stop = nil
	if !errors.Is(c.err, context.Canceled) {
		// Also after a regular end: until the view says that the step has ended,
		// reading again would end again at once.
		p.again = time.Now().Add(retryAfter)
	}
	f.sub.Kick() // the step has probably ended: look now
	return nil
}

// tellBytes sends output, keeping back the start of a character whose end has
// not come, unless nothing more can come.
func (f *follower) tellBytes(p *stepProgress, key stepKey, data []byte, last bool) error {
	if len(p.carry) > 0 {
		data = append(p.carry, data...)
		p.carry = nil
	}
	if cut := wholeRunes(data); !last && cut < len(data) {
		p.carry = append([]byte(nil), data[cut:]...)
		data = data[:cut]
	}
	if len(data) == 0 {
		return nil
	}
	e := Event{Output: &OutputEvent{Place: p.place, Step: key.step, Offset: p.offset, Data: data}}
	p.offset += int64(len(data))
	f.cursor.advance(key.attempt, key.step, p.offset)
	if id := f.cursor.String(); len(id) <= idSize || time.Since(f.lastID) >= idPause {
		e.Cursor, f.lastID = id, time.Now()
	}
	return f.send(e)
}

// wholeRunes returns how many bytes at the start of data hold whole characters.
func wholeRunes(data []byte) int {
	for i := len(data) - 1; i >= max(0, len(data)-utf8.UTFMax); i-- {
		if utf8.RuneStart(data[i]) {
			if utf8.FullRune(data[i:]) {
				return len(data)
			}
			return i
		}
	}
	return len(data)
}
