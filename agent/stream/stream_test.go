// SPDX-License-Identifier: MPL-2.0

package stream_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/muster-ci/muster/agent/agenttest"
	"github.com/muster-ci/muster/agent/mask"
	"github.com/muster-ci/muster/agent/stream"
	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/wire"
)

// patience is how long a test waits for what must happen.
const patience = 20 * time.Second

// fixture is a claimed attempt with everything between a step and a server.
type fixture struct {
	server   *agenttest.Server
	spool    *stream.Spool
	recorder *stream.Recorder
	sender   *stream.Sender
	ctx      context.Context
	stops    chan string
}

func setup(t testing.TB, spoolBytes int64, secrets ...string) *fixture {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	f := &fixture{server: agenttest.New(t, core.ClaimedTask{}, wire.Limits{}), ctx: ctx, stops: make(chan string, 100)}
	var err error
	if f.spool, err = stream.NewSpool(t.TempDir(), spoolBytes, hclog.NewNullLogger()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.spool.Close)
	f.recorder = stream.NewRecorder(ctx, f.spool, mask.NewSet(secrets...), 0, time.Now)
	client := stream.NewClient([]string{f.server.URL})
	claimFor(t, f, client)
	f.sender, err = stream.NewSender(stream.SenderConfig{Retry: stream.Backoff{Least: time.Millisecond, Most: 10 * time.Millisecond}},
		stream.SenderDeps{Logger: hclog.NewNullLogger(), Clock: time.Now, Spool: f.spool, Client: client,
			Stop: func(reason string) { f.stops <- reason }})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func claimFor(t testing.TB, f *fixture, client *stream.Client) {
	t.Helper()
	if _, err := client.Claim(f.ctx, agenttest.Identity, wire.ClaimRequest{Nonce: "n"}); err != nil {
		t.Fatal(err)
	}
}

// send runs the sender to the end of the spool.
func (f *fixture) send(t *testing.T) {
	t.Helper()
	f.spool.Finish()
	if err := f.sender.Run(f.ctx); err != nil {
		t.Fatal(err)
	}
}

func (f *fixture) write(t testing.TB, step int, text string) {
	t.Helper()
	w := f.recorder.Step(step)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestStreamsArriveInOrder(t *testing.T) {
	t.Parallel()
	f := setup(t, 1<<20, "secret-value")
	if err := f.recorder.Event(wire.Event{Type: wire.StepStarted, Name: "use secret-value", Command: strings.Repeat("\x01é", 5000)}); err != nil {
		t.Fatal(err)
	}
	f.write(t, 0, "zero secret-value\n")
	f.write(t, 1, "one\n")
	f.write(t, 0, "zero again\n")
	f.send(t)
	if got, want := f.server.Output(0), "zero ****************\nzero again\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := f.server.Output(1); got != "one\n" {
		t.Errorf("got %q", got)
	}
	e := f.server.Events()[0]
	line, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	if e.Name != "use ****************" || len(e.Command) > 4<<10 || len(line) > wire.MaxEvent || e.At.IsZero() {
		t.Errorf("got %d bytes: %+v", len(line), e)
	}
}

// TestAFullSpoolMakesTheWriterWait writes four times what the spool holds.
func TestAFullSpoolMakesTheWriterWait(t *testing.T) {
	t.Parallel()
	f := setup(t, 256<<10)
	text := strings.Repeat("0123456789abcde\n", 64<<10)
	written := make(chan error, 1)
	go func() {
		w := f.recorder.Step(0)
		_, err := io.WriteString(w, text)
		f.spool.Finish()
		written <- err
	}()
	blocked := make(chan struct{})
	f.server.SetFault(func(n int, _ string) agenttest.Fault {
		if n == 10 {
			close(blocked)
		}
		if n < 10 {
			return agenttest.Unavail
		}
		return agenttest.None
	})
	sent := make(chan error, 1)
	go func() { sent <- f.sender.Run(f.ctx) }()
	<-blocked // nine tries have failed; nothing has been acknowledged
	if err := <-written; err != nil {
		t.Fatal(err)
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	if got := f.server.Output(0); got != text {
		t.Errorf("got %d bytes, want %d", len(got), len(text))
	}
}

func TestAWaitingWriterGivesUpWithItsContext(t *testing.T) {
	t.Parallel()
	spool, err := stream.NewSpool(t.TempDir(), 1000, hclog.NewNullLogger())
	if err != nil {
		t.Fatal(err)
	}
	defer spool.Close()
	why := errors.New("delivery is hopeless")
	ctx, cancel := context.WithCancelCause(context.Background())
	if err := spool.Append(ctx, 1, make([]byte, 900)); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(time.Millisecond, func() { cancel(why) })
	if err := spool.Append(ctx, 1, make([]byte, 900)); !errors.Is(err, why) {
		t.Errorf("got %v, want %v", err, why)
	}
}

func TestASpoolNeedsItsFolder(t *testing.T) {
	t.Parallel()
	if _, err := stream.NewSpool(t.TempDir()+"/missing", 1000, hclog.NewNullLogger()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestFinalAnswersEndTheSender(t *testing.T) {
	t.Parallel()
	for _, fault := range []agenttest.Fault{agenttest.Forbid, agenttest.Gone} {
		f := setup(t, 1<<20)
		f.server.SetFault(func(int, string) agenttest.Fault { return fault })
		f.write(t, 0, "text")
		var status *stream.StatusError
		if err := f.sender.Run(f.ctx); !errors.As(err, &status) || !status.Final() {
			t.Errorf("got %v, want a final answer", err)
		}
	}
}

func TestStopIsPassedOn(t *testing.T) {
	t.Parallel()
	f := setup(t, 1<<20)
	f.server.Stop("canceled")
	f.write(t, 0, "text")
	f.send(t)
	select {
	case got := <-f.stops:
		if got != "canceled" {
			t.Errorf("got %q", got)
		}
	default:
		t.Error("the agent was not asked to stop")
	}
}

func TestSmallWritesAreSentTogether(t *testing.T) {
	t.Parallel()
	f := setup(t, 1<<20)
	w := f.recorder.Step(0)
	for range 10000 {
		io.WriteString(w, "line\n")
	}
	before := f.server.Requests()
	f.send(t)
	if got := f.server.Requests() - before; got > 3 {
		t.Errorf("got %d requests for 50 kB", got)
	}
	if got := len(f.server.Output(0)); got != 50000 {
		t.Errorf("got %d bytes", got)
	}
}

func TestTruncation(t *testing.T) {
	t.Parallel()
	f := setup(t, 1<<20, "0123456789")
	recorder := stream.NewRecorder(f.ctx, f.spool, mask.NewSet("0123456789"), 10, time.Now)
	w := recorder.Step(0)
	io.WriteString(w, "ab 01234")
	io.WriteString(w, "56789 more")
	if w.Truncated() != true {
		t.Error("got not truncated")
	}
	if err := w.Note("%s\n", "note 0123456789"); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Close(), w.Close()); err != nil {
		t.Fatal(err)
	}
	f.send(t)
	want := "ab *******\n... output truncated after 10 bytes ...\nnote ****************\n"
	if got := f.server.Output(0); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// BenchmarkOutputPath is the road of a step's output through mask, spool,
// framing, compression and HTTP to a server in this process that takes it in.
func BenchmarkOutputPath(b *testing.B) {
	chunk := bytes.Repeat([]byte("2026-08-21T10:11:12Z INFO request finished method=GET path=/api/v2/me status=200 took=1.2ms\n"), 45)[:4095]
	f := setup(b, 64<<20, "one-secret-value", "another-secret-value")
	f.ctx = context.Background()
	sent := make(chan error, 1)
	go func() { sent <- f.sender.Run(f.ctx) }()
	w := f.recorder.Step(0)
	b.SetBytes(int64(len(chunk)))
	b.ReportAllocs()
	for b.Loop() {
		w.Write(chunk)
	}
	f.spool.Finish()
	if err := <-sent; err != nil {
		b.Fatal(err)
	}
}

// BenchmarkMaskAndSpool is the part of it for which a build waits.
func BenchmarkMaskAndSpool(b *testing.B) {
	chunk := bytes.Repeat([]byte("2026-08-21T10:11:12Z INFO request finished method=GET path=/api/v2/me status=200 took=1.2ms\n"), 45)[:4095]
	spool, err := stream.NewSpool(b.TempDir(), 1<<40, hclog.NewNullLogger())
	if err != nil {
		b.Fatal(err)
	}
	defer spool.Close()
	w := stream.NewRecorder(context.Background(), spool, mask.NewSet("one-secret-value", "another-secret-value"), 0, time.Now).Step(0)
	b.SetBytes(int64(len(chunk)))
	b.ReportAllocs()
	for b.Loop() {
		w.Write(chunk)
	}
}
