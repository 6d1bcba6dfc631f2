// SPDX-License-Identifier: MPL-2.0

package output

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/wire"
)

func TestConfigDefaultsAndValidation(t *testing.T) {
	t.Parallel()
	if err := Default().Validate(); err != nil {
		t.Errorf("default: %v", err)
	}
	if got := (Config{Grace: 2 * time.Minute}).withDefaults(); got.SealAfter != 2*time.Minute || got.Validate() != nil {
		t.Errorf("got seal_after %s, want it to follow grace", got.SealAfter)
	}
	for _, c := range []struct{ output, rows, want time.Duration }{{0, time.Hour, 0}, {2, 1, 2}, {2, 3, 3}, {2, 0, 0}} {
		if got := (Config{KeepOutput: c.output, Keep: c.rows}).withDefaults().Keep; got != c.want {
			t.Errorf("keep_output %d and keep %d: rows are kept for %d, want %d", c.output, c.rows, got, c.want)
		}
	}
	for name, change := range map[string]func(*Config){
		"step_bytes":    func(c *Config) { c.StepBytes = 1 },
		"attempt_bytes": func(c *Config) { c.AttemptBytes = c.StepBytes - 1 },
		"heartbeat":     func(c *Config) { c.Heartbeat = time.Hour },
		"grace":         func(c *Config) { c.Grace = time.Hour },
		"seal_after":    func(c *Config) { c.SealAfter = c.Grace - 1 },
		"keep_output":   func(c *Config) { c.KeepOutput = -1 },
		"keep":          func(c *Config) { c.Keep = -1 },
		"poll":          func(c *Config) { c.Poll = 1 },
		"requests":      func(c *Config) { c.Requests = -1 },
	} {
		c := Default()
		change(&c)
		if err := c.Validate(); core.ErrorCode(err) != core.CodeInvalid {
			t.Errorf("%s: got %v, want invalid", name, err)
		}
	}
}

// TestStress starts and stops the service under ten agents that write and ten
// readers that follow. Whatever they are told, afterwards nothing is missing.
func TestStress(t *testing.T) {
	t.Parallel()
	h := sqlite(t, Config{})
	agents := make([]*agent, 10)
	for i := range agents {
		agents[i] = h.claimed()
		agents[i].run(0)
	}
	const want = 40
	var all sync.WaitGroup
	done := make(chan struct{})
	for _, a := range agents {
		all.Go(func() { persist(t, a, want) })
	}
	go func() {
		all.Wait()
		close(done)
	}()
	for running := true; running; {
		service := h.service
		var readers sync.WaitGroup
		for _, a := range agents {
			readers.Go(func() { followAnyhow(t, service, a) })
		}
		h.restart()
		readers.Wait() // each ends with its instance
		select {
		case <-done:
			running = false
		default:
		}
	}
	for _, a := range agents {
		if got := a.read(core.OutputRange{}); len(got) != want {
			t.Errorf("got %d bytes, want %d", len(got), want)
		}
	}
	if err := h.service.Ready(context.Background()); err != nil {
		t.Errorf("ready: %v", err)
	}
	h.kill()
	if err := h.service.Ready(context.Background()); core.ErrorCode(err) != core.CodeUnavailable {
		t.Errorf("ready after the end: got %v, want unavailable", err)
	}
}

// persist sends byte after byte until each was acknowledged.
func persist(t *testing.T, a *agent, n int64) {
	for offset := int64(0); offset < n; {
		status, acks := a.frames(wire.Frame{Stream: 1, Offset: offset, Data: []byte{'x'}})
		switch status {
		case http.StatusOK:
			offset = acks.Streams[1]
		case http.StatusServiceUnavailable, http.StatusInternalServerError:
		default:
			t.Errorf("got %d", status)
			return
		}
	}
}

func followAnyhow(t *testing.T, s *Service, a *agent) {
	body, err := s.ReadOutput(context.Background(), core.OutputRange{Attempt: a.id, Follow: true})
	if err == nil {
		_, err = io.Copy(io.Discard, body)
		err = errors.Join(err, body.Close())
	}
	if core.ErrorCode(err) != core.CodeUnavailable {
		t.Errorf("following ended with %v, want unavailable", err)
	}
}
