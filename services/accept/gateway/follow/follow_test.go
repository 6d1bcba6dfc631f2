// SPDX-License-Identifier: MPL-2.0

package follow_test

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/testx"
	"github.com/muster-ci/muster/services/accept/gateway/follow"
	"github.com/muster-ci/muster/services/accept/gateway/gatewaytest"
)

// sink counts bytes and may be stopped.
type sink struct {
	gate  chan struct{} // closed: goes on
	stuck chan struct{} // closed when output arrived
	once  sync.Once
	bytes int
	text  strings.Builder
}

func newSink() *sink { return &sink{gate: make(chan struct{}), stuck: make(chan struct{})} }

func (s *sink) Beat() error { return nil }

func (s *sink) Send(e follow.Event) error {
	if e.Output != nil {
		s.once.Do(func() { close(s.stuck) })
		<-s.gate
		s.bytes += len(e.Output.Data)
		s.text.Write(e.Output.Data)
	}
	return nil
}

func hub(p *gatewaytest.Platform) *follow.Hub {
	sources := follow.Sources{Pipelines: p, Workflows: p, Jobs: p, Output: p, Queue: p}
	return follow.NewHub(sources, time.Now, hclog.NewNullLogger())
}

// played is a pipeline that has ended, with jobs that run at once.
func played(t *testing.T) (*gatewaytest.Platform, core.PipelineID, int) {
	t.Helper()
	p := gatewaytest.New()
	text := make([]byte, 100_000)
	for i := range text {
		text[i] = 'x'
	}
	for _, name := range []string{"a", "b", "c"} {
		p.Script = append(p.Script, gatewaytest.JobScript{Name: name, Parallel: 2, Steps: []gatewaytest.StepScript{
			{Name: "one", Output: string(text)}, {Name: "two", Output: string(text)},
		}})
	}
	created, err := p.CreatePipeline(t.Context(), core.NewPipeline{ID: "p"})
	if err != nil {
		t.Fatal(err)
	}
	p.Play()
	return p, created.ID, 3 * 2 * 2 * len(text)
}

func TestASlowReaderSlowsNobody(t *testing.T) {
	t.Parallel()
	p, id, total := played(t)
	h := hub(p)
	slow, fast := newSink(), newSink()
	close(fast.gate)
	begin := func(s *sink) chan error {
		done := make(chan error, 1)
		go func() {
			sub := h.Pipeline(t.Context(), id)
			defer sub.Close()
			cursor, _ := follow.ParseCursor("")
			done <- h.Follow(t.Context(), sub, cursor, s)
		}()
		return done
	}
	slowDone := begin(slow)
	<-slow.stuck
	if err := <-begin(fast); err != nil || fast.bytes != total {
		t.Errorf("beside a slow reader: got %d bytes, %v, want %d", fast.bytes, err, total)
	}
	close(slow.gate)
	if err := <-slowDone; err != nil || slow.bytes != total {
		t.Errorf("the slow reader: got %d bytes, %v, want %d", slow.bytes, err, total)
	}
	h.Wait()
}

// TestReadersThatLeaveLeaveNothing ends followers in the middle; Wait returns
// only when no watch is left. It is not parallel, since it counts goroutines.
func TestReadersThatLeaveLeaveNothing(t *testing.T) {
	testx.NoLeaks(t)
	p, id, _ := played(t)
	h := hub(p)
	for range 10 {
		ctx, cancel := context.WithCancel(t.Context())
		s := newSink()
		sub := h.Pipeline(ctx, id)
		done := make(chan error, 1)
		cursor, _ := follow.ParseCursor("")
		go func() { done <- h.Follow(ctx, sub, cursor, s) }()
		<-s.stuck
		cancel()
		close(s.gate)
		if err := <-done; err == nil {
			t.Log("the follower was faster")
		}
		sub.Close()
	}
	h.Wait()
}

func TestAnUnknownPipelineIsAnError(t *testing.T) {
	t.Parallel()
	h := hub(gatewaytest.New())
	sub := h.Pipeline(t.Context(), "none")
	cursor, _ := follow.ParseCursor("")
	if err := h.Follow(t.Context(), sub, cursor, newSink()); core.ErrorCode(err) != core.CodeNotFound {
		t.Errorf("got %v, want not_found", err)
	}
	sub.Close()
	h.Wait()
}

// TestStepsAreReadAhead has the reader stuck at the first bytes of the first
// step; the next ones are on their way all the same, and arrive in order.
func TestStepsAreReadAhead(t *testing.T) {
	t.Parallel()
	p := gatewaytest.New()
	want := ""
	job := gatewaytest.JobScript{Name: "a"}
	for i := range 8 {
		// One of them is more than is held for a step whose turn has not come.
		text := strings.Repeat(strconv.Itoa(i), 10+150_000*(i%3))
		job.Steps, want = append(job.Steps, gatewaytest.StepScript{Name: strconv.Itoa(i), Output: text}), want+text
	}
	p.Script = []gatewaytest.JobScript{job}
	created, err := p.CreatePipeline(t.Context(), core.NewPipeline{ID: "p"})
	if err != nil {
		t.Fatal(err)
	}
	p.Play()
	h := hub(p)
	s := newSink()
	done := make(chan error, 1)
	go func() {
		sub := h.Pipeline(t.Context(), created.ID)
		defer sub.Close()
		cursor, _ := follow.ParseCursor("")
		done <- h.Follow(t.Context(), sub, cursor, s)
	}()
	<-s.stuck
	p.AwaitCalls("ReadOutput", 4)
	close(s.gate)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got := s.text.String(); got != want {
		t.Errorf("got %d bytes, want %d in the order of the steps", len(got), len(want))
	}
	h.Wait()
}

// end follows a pipeline to its end and returns the last word on it.
func end(t *testing.T, p *gatewaytest.Platform, id core.PipelineID) string {
	t.Helper()
	s := hub(p).Pipeline(t.Context(), id)
	defer s.Close()
	for {
		select {
		case <-s.Fresh():
		case <-t.Context().Done():
			t.Fatal("no end")
		}
		view, err := s.View()
		if err != nil {
			t.Fatal(err)
		}
		if view != nil && view.Ended {
			return view.Status()
		}
	}
}

func TestASetupPipelineEndsWithItsContinuation(t *testing.T) {
	t.Parallel()
	p, id, _ := played(t)
	p.Setup(id)
	if got := end(t, p, id); got != "not_run" {
		t.Errorf("without a continuation: got %s", got)
	}
	if _, err := p.ContinuePipeline(t.Context(), core.Continuation{Key: "key-p", Config: "more"}); err != nil {
		t.Fatal(err)
	}
	if got := end(t, p, id); got != "success" {
		t.Errorf("with one: got %s", got)
	}
}
