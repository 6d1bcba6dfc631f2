// SPDX-License-Identifier: MPL-2.0

package stream

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/muster-ci/muster/agent/mask"
	"github.com/muster-ci/muster/internal/wire"
)

// TestBeginningsDoNotWaitForThePace has a pace that never passes: what arrives
// all the same was sent for its own sake.
func TestBeginningsDoNotWaitForThePace(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	sender, spool, requests := counted(t)
	sender.pace = time.Hour
	ended := make(chan error, 1)
	go func() { ended <- sender.Run(ctx) }()
	recorder := NewRecorder(ctx, spool, mask.NewSet(), 0, time.Now)
	step := recorder.Step(0)
	for name, say := range map[string]func() error{
		"the beginning of a step": func() error { return recorder.Event(wire.Event{Type: wire.StepStarted, Name: "a"}) },
		"its first bytes":         func() error { return spool.Append(ctx, wire.StepStream(0), []byte("first\n")) },
	} {
		if err := say(); err != nil {
			t.Fatal(err)
		}
		select {
		case <-requests:
		case <-time.After(20 * time.Second):
			t.Fatalf("%s was not sent", name)
		}
		for pending, _, _ := spool.pending(); pending > 0; pending, _, _ = spool.pending() {
			runtime.Gosched() // until the answer is taken in
		}
	}
	if err := spool.Append(ctx, wire.StepStream(0), []byte(strings.Repeat("more\n", 10))); err != nil {
		t.Fatal(err)
	}
	if pending, urgent, _ := spool.pending(); urgent || pending == 0 {
		t.Errorf("%d bytes that follow are urgent: %t", pending, urgent)
	}
	if err := step.Close(); err != nil {
		t.Error(err)
	}
	cancel()
	<-ended
	spool.Close()
	if len(requests) != 0 {
		t.Error("what follows was sent without waiting for the pace")
	}
}

// counted is a sender whose requests are counted and answered.
func counted(t *testing.T) (*Sender, *Spool, chan struct{}) {
	t.Helper()
	requests := make(chan struct{}, 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, "{}")
		requests <- struct{}{}
	}))
	t.Cleanup(server.Close)
	spool, err := NewSpool(t.TempDir(), 1<<20, hclog.NewNullLogger())
	if err != nil {
		t.Fatal(err)
	}
	sender, err := NewSender(SenderConfig{Heartbeat: time.Hour}, SenderDeps{
		Logger: hclog.NewNullLogger(), Clock: time.Now, Spool: spool, Client: NewClient([]string{server.URL}), Stop: func(string) {},
	})
	if err != nil {
		t.Fatal(err)
	}
	return sender, spool, requests
}

// TestAStepAndItsFirstBytesGoTogether has a patience that never ends: what is
// sent was complete.
func TestAStepAndItsFirstBytesGoTogether(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	sender, spool, requests := counted(t)
	sender.pace, sender.patience = time.Hour, time.Hour
	ended := make(chan error, 1)
	go func() { ended <- sender.Run(ctx) }()
	recorder := NewRecorder(ctx, spool, mask.NewSet(), 0, time.Now)
	for number := range 3 {
		if err := recorder.Event(wire.Event{Type: wire.StepStarted, Step: number, Name: "a"}); err != nil {
			t.Fatal(err)
		}
		if !spool.awaited() {
			t.Errorf("nothing is awaited of step %d, which has begun", number)
		}
		if number == 1 {
			continue // one that writes nothing
		}
		if err := spool.Append(ctx, wire.StepStream(number), []byte("first\n")); err != nil {
			t.Fatal(err)
		}
		if spool.awaited() {
			t.Errorf("step %d is awaited, which has written", number)
		}
	}
	select {
	case <-requests:
	case <-time.After(20 * time.Second):
		t.Fatal("nothing was sent")
	}
	for pending, _, _ := spool.pending(); pending > 0; pending, _, _ = spool.pending() {
		runtime.Gosched() // until the answer is taken in; there may be two
	}
	cancel()
	<-ended
	spool.Close()
}
