// SPDX-License-Identifier: MPL-2.0

package stream

import (
	"fmt"
	"io"
	"sync"

	"github.com/muster-ci/muster/agent/mask"
)

// StepWriter takes the output of one step. Several goroutines may write.
type StepWriter struct {
	recorder *Recorder
	number   int
	stream   int

	mu      sync.Mutex
	masked  *mask.Writer
	written int64
	dropped bool // the limit was reached
	noted   bool // and the mark of it is written
	closed  bool
}

// Number is the step's, from 0.
func (w *StepWriter) Number() int { return w.number }

// Write masks p and puts it into the spool, for as long as that takes. Beyond
// the step's limit it drops p and still returns len(p): a step does not fail
// for being loud.
func (w *StepWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return 0, io.ErrClosedPipe
	}
	return w.masked.Write(p)
}

// Note adds a line of the agent's own after what the step has written, also
// beyond the limit.
func (w *StepWriter) Note(format string, args ...any) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.end(); err != nil {
		return err
	}
	text := w.recorder.masks.String(fmt.Sprintf(format, args...))
	return w.append([]byte(text))
}

// Close writes what masking has held back, and the mark of dropped output. The
// second Close does nothing.
func (w *StepWriter) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil
	}
	w.closed = true
	return w.end()
}

// Truncated tells whether output was dropped.
func (w *StepWriter) Truncated() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.dropped
}

// end flushes the mask, and marks once that output was dropped.
func (w *StepWriter) end() error {
	if err := w.masked.Flush(); err != nil {
		return err
	}
	if !w.dropped || w.noted {
		return nil
	}
	w.noted = true
	return w.append(fmt.Appendf(nil, "\n... output truncated after %d bytes ...\n", w.written))
}

func (w *StepWriter) append(p []byte) error {
	return w.recorder.spool.Append(w.recorder.ctx, w.stream, p)
}

// limited is the sink of the mask: what it is given counts towards the limit.
// Its caller holds the mutex.
type limited StepWriter

// Write takes what fits below the limit.
func (l *limited) Write(p []byte) (int, error) {
	w := (*StepWriter)(l)
	take := p
	if limit := w.recorder.limit; limit > 0 && int64(len(take)) > limit-w.written {
		take = take[:max(0, limit-w.written)]
		w.dropped = true
	}
	if len(take) == 0 {
		return len(p), nil
	}
	if err := w.append(take); err != nil {
		return 0, err
	}
	w.written += int64(len(take))
	return len(p), nil
}
