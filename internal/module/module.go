// SPDX-License-Identifier: MPL-2.0

package module

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/go-hclog"
)

// Module is one part of a process.
type Module struct {
	Name string
	// Run works until ctx ends, stops what it started and returns. nil counts
	// as a failure too when ctx has not ended.
	Run func(ctx context.Context) error
	// Ready returns nil once the part can serve. nil means ready at once.
	Ready func(ctx context.Context) error
}

// Bounds of waiting.
const (
	startTimeout = 2 * time.Minute // until a part is ready
	stopTimeout  = time.Minute     // until a part has returned after its context ended
)

// running is a part that was started.
type running struct {
	module Module
	cancel context.CancelFunc
	done   chan struct{}
	err    error // valid after done is closed
}

// Run runs the modules until ctx ends or one of them fails, and returns the
// first failure, nil for a stop that was asked for. Modules are started in the
// order given and stopped in the reverse order, each only after the one before
// it has returned.
func Run(ctx context.Context, logger hclog.Logger, modules []Module) error {
	ended := make(chan *running, len(modules)) // never blocks: one send a module
	var started []*running
	failure := func() error {
		for _, m := range modules {
			r := start(ctx, m, ended)
			started = append(started, r)
			if err := awaitReady(ctx, r, ended); err != nil {
				return err
			}
			logger.Debug("module is ready", "module", m.Name)
		}
		logger.Info("all modules are ready", "count", len(modules))
		select {
		case <-ctx.Done():
			return nil
		case r := <-ended:
			return early(ctx, r)
		}
	}()
	if errors.Is(failure, errStopped) {
		failure = nil
	}
	return errors.Join(failure, stop(logger, started))
}

// errStopped says that ctx ended while modules were still being started.
var errStopped = errors.New("stopped while starting")

// start begins a module in a goroutine. Its context is cut off from ctx, so
// that the end of ctx stops the modules in order and not all at once.
func start(ctx context.Context, m Module, ended chan<- *running) *running {
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r := &running{module: m, cancel: cancel, done: make(chan struct{})}
	go func() {
		r.err = m.Run(own)
		close(r.done)
		ended <- r
	}()
	return r
}

// awaitReady polls Ready, quickly at first.
func awaitReady(ctx context.Context, r *running, ended <-chan *running) error {
	if r.module.Ready == nil {
		return nil
	}
	limit, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	wait := time.Millisecond
	for {
		err := r.module.Ready(limit)
		if err == nil {
			return nil
		}
		select {
		case other := <-ended:
			return early(ctx, other)
		case <-limit.Done():
			if ctx.Err() != nil {
				return errStopped
			}
			return fmt.Errorf("module %s is not ready after %s: %w", r.module.Name, startTimeout, err)
		case <-time.After(wait):
			wait = min(2*wait, 200*time.Millisecond)
		}
	}
}

// early is the error for a module that ended by itself.
func early(ctx context.Context, r *running) error {
	if ctx.Err() != nil {
		return errStopped
	}
	if r.err == nil {
		return fmt.Errorf("module %s ended before it was asked to", r.module.Name)
	}
	return fmt.Errorf("running module %s: %w", r.module.Name, r.err)
}

// stop ends the modules, the last started first, and reports those that do not
// return in time.
func stop(logger hclog.Logger, started []*running) error {
	var late []error
	for i := len(started) - 1; i >= 0; i-- {
		r := started[i]
		r.cancel()
		select {
		case <-r.done:
			if r.err != nil && !errors.Is(r.err, context.Canceled) {
				logger.Warn("module ended with an error", "module", r.module.Name, "error", r.err)
			}
		case <-time.After(stopTimeout):
			late = append(late, fmt.Errorf("module %s did not stop within %s", r.module.Name, stopTimeout))
		}
	}
	return errors.Join(late...)
}
