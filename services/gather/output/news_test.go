// SPDX-License-Identifier: MPL-2.0

package output

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/remote"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/store/storetest"
	"github.com/muster-ci/muster/internal/wire"
)

// peer is the service as other services reach it.
func (h *harness) peer() core.Output {
	address := h.server.Listener.Addr().String()
	transport := &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}}
	h.t.Cleanup(transport.CloseIdleConnections)
	return remote.NewOutput(remote.NewCaller("output", transport, func(context.Context) (string, error) { return "token", nil }))
}

// followSteps follows a pipeline until the test ends; ready is the first sign
// of life.
func (h *harness) followSteps(id core.PipelineID) (news chan core.AttemptSteps, stop func() error) {
	h.t.Helper()
	ctx, cancel := context.WithCancel(h.t.Context())
	news, ready, ended := make(chan core.AttemptSteps, 100), make(chan struct{}, 1), make(chan error, 1)
	go func() {
		ended <- h.peer().FollowSteps(ctx, id, func(changed []core.AttemptSteps) error {
			select {
			case ready <- struct{}{}:
			default:
			}
			for _, a := range changed {
				news <- a
			}
			return nil
		})
	}()
	<-ready
	return news, func() error { cancel(); return <-ended }
}

func (h *harness) claimedIn(id core.PipelineID) *agent {
	h.t.Helper()
	a := h.place()
	h.placements.mu.Lock()
	task := h.placements.tasks[a.id]
	task.Spec.Pipeline.ID = id
	h.placements.tasks[a.id] = task
	h.placements.mu.Unlock()
	a.claim()
	return a
}

func next(t *testing.T, news <-chan core.AttemptSteps, what string) core.AttemptSteps {
	t.Helper()
	select {
	case a := <-news:
		return a
	case <-time.After(20 * time.Second):
		t.Fatalf("nothing was told of %s", what)
		panic("unreachable")
	}
}

// TestStepsAreToldAsTheyChange follows one of two pipelines, and is told of
// every change in it and of nothing else.
func TestStepsAreToldAsTheyChange(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "output", func(t *testing.T, open func() *store.DB) {
		h := newHarness(t, open, Config{Poll: time.Hour})
		news, stop := h.followSteps("mine")
		other := h.claimedIn("another")
		var a *agent
		for _, change := range []struct {
			what   string
			do     func()
			status core.JobStatus
			steps  int
			ended  bool // the last one
		}{
			{"the claim", func() { a = h.claimedIn("mine") }, core.JobRunning, 0, false},
			{"a step", func() { a.run(0) }, core.JobRunning, 1, false},
			{"its end", func() { a.finish(0) }, core.JobRunning, 1, true},
			{"another step", func() { a.run(1) }, core.JobRunning, 2, false},
			{"the end without the agent", func() { h.close(a.id) }, core.JobInfrastructureFail, 2, true},
		} {
			h.advance(time.Millisecond)
			other.run(0)
			change.do()
			got := next(t, news, change.what)
			if got.Attempt != a.id || got.Task != a.task || got.Status != change.status || len(got.Steps) != change.steps {
				t.Fatalf("%s: told %+v", change.what, got)
			}
			if n := len(got.Steps); n > 0 && (got.Steps[n-1].StoppedAt != nil) != change.ended {
				t.Errorf("%s: told %+v", change.what, got.Steps[n-1])
			}
		}
		if err := stop(); err != nil || len(news) != 0 {
			t.Errorf("ended with %v; more was told: %d", err, len(news))
		}
	})
}

// TestHeadsComeWithTheNews tells the first bytes of each step once, with the
// step or when they come, unless they are many.
func TestHeadsComeWithTheNews(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "output", func(t *testing.T, open func() *store.DB) {
		h := newHarness(t, open, Config{Poll: time.Hour})
		news, stop := h.followSteps("mine")
		a := h.claimedIn("mine")
		next(t, news, "the claim")
		offset := int64(0)
		event := func(e wire.Event) wire.Frame {
			data := line(e)
			f := wire.Frame{Stream: wire.EventStream, Offset: offset, Data: data}
			offset += int64(len(data))
			return f
		}
		begin := func(step int) wire.Frame { return event(wire.Event{Type: wire.StepStarted, Step: step, Name: "s"}) }
		write := func(step int, offset int64, text string) wire.Frame {
			return wire.Frame{Stream: wire.StepStream(step), Offset: offset, Data: []byte(text)}
		}
		long := strings.Repeat("long", maxHead)
		for _, change := range []struct {
			what   string
			frames []wire.Frame
			want   map[int][]byte
		}{
			{"one that writes at once", []wire.Frame{begin(0), write(0, 0, "a"), write(0, 1, "b")}, map[int][]byte{0: []byte("ab")}},
			{"its end, and one that is silent", []wire.Frame{
				event(wire.Event{Type: wire.StepEnded, Step: 0, StepStatus: core.StepSuccess}), begin(1)}, nil},
			{"the first bytes of that", []wire.Frame{write(1, 0, "c")}, map[int][]byte{1: []byte("c")}},
			{"two more", []wire.Frame{begin(2), write(2, 0, long), begin(3), write(3, 0, "d")}, map[int][]byte{3: []byte("d")}},
		} {
			h.advance(time.Millisecond)
			a.must(change.frames...)
			got := next(t, news, change.what)
			if diff := cmp.Diff(change.want, got.Heads); diff != "" {
				t.Errorf("%s (-want +got):\n%s", change.what, diff)
			}
		}
		if err := stop(); err != nil || len(news) != 0 {
			t.Errorf("ended with %v; more was told: %d", err, len(news))
		}
	})
}

// TestStepsOfOtherInstances are found by looking where no hint comes.
func TestStepsOfOtherInstances(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "output", func(t *testing.T, open func() *store.DB) {
		h := newHarness(t, open, Config{})
		deaf := newHarness(t, open, Config{Poll: 20 * time.Millisecond})
		news, stop := deaf.followSteps("mine")
		a := h.claimedIn("mine")
		if got := next(t, news, "a claim elsewhere"); got.Attempt != a.id {
			t.Errorf("told %+v", got)
		}
		h.advance(time.Millisecond)
		a.run(0)
		if got := next(t, news, "a step elsewhere"); len(got.Steps) != 1 {
			t.Errorf("told %+v", got)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

// TestFollowersOfStepsHearThatTheInstanceStops, so that they go elsewhere.
func TestFollowersOfStepsHearThatTheInstanceStops(t *testing.T) {
	t.Parallel()
	h := sqlite(t, Config{})
	ended := make(chan error, 1)
	begun := make(chan struct{}, 10)
	go func() {
		ended <- h.peer().FollowSteps(t.Context(), "p", func([]core.AttemptSteps) error { begun <- struct{}{}; return nil })
	}()
	<-begun
	h.kill()
	if err := <-ended; core.ErrorCode(err) != core.CodeUnavailable {
		t.Errorf("got %v, want unavailable", err)
	}
}
