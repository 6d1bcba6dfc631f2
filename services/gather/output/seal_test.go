// SPDX-License-Identifier: MPL-2.0

package output

import (
	"bytes"
	"context"
	"io"
	"testing"
	"time"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/store/storetest"
)

// count returns how many rows of a table belong to the attempt.
func (a *agent) count(table string) int64 {
	a.h.t.Helper()
	n, err := a.h.service.deps.DB.NewSelect().TableExpr(table).Where("attempt_id = ?", a.id).Count(context.Background())
	if err != nil {
		a.h.t.Fatal(err)
	}
	return n
}

func (a *agent) objects() (keys []string) {
	a.h.t.Helper()
	err := a.h.objects.List(context.Background(), objectPrefix(a.row()), func(key string, _ int64, _ time.Time) error {
		keys = append(keys, key)
		return nil
	})
	if err != nil {
		a.h.t.Fatal(err)
	}
	return keys
}

// sealing is an attempt that has ended with output in two of its three steps.
type sealing struct {
	*agent
	big, small []byte
}

func newSealing(h *harness) *sealing {
	a := &sealing{agent: h.claimed(), big: text(3<<20 + 12345), small: []byte("short\n")}
	for step := range 3 {
		a.run(step)
	}
	a.write(0, 0, a.big)
	a.write(2, 0, a.small)
	a.end()
	return a
}

// same checks that readers find every byte in its place.
func (a *sealing) same(when string) {
	t := a.h.t
	t.Helper()
	if got := a.read(core.OutputRange{}); !bytes.Equal(got, a.big) {
		t.Fatalf("%s: step 0 has %d bytes that differ", when, len(got))
	}
	if got := a.read(core.OutputRange{Offset: 777_777, Limit: 500_000}); !bytes.Equal(got, a.big[777_777:1_277_777]) {
		t.Fatalf("%s: a range of step 0 has %d bytes that differ", when, len(got))
	}
	if one, two := a.read(core.OutputRange{Step: 1}), a.read(core.OutputRange{Step: 2, Offset: 2}); len(one) != 0 || !bytes.Equal(two, a.small[2:]) {
		t.Fatalf("%s: got %q and %q of the other steps", when, one, two)
	}
}

// crashAtUpload plays a sealer that dies when its upload has come to its end.
func (a *sealing) crashAtUpload(row *attemptRow) {
	a.h.t.Helper()
	lost := *row
	lost.Object = objectPrefix(row) + "lost"
	streams := []*streamRow{{Attempt: a.id, Stream: 1, Kept: int64(len(a.big))}}
	if err := a.h.service.upload(context.Background(), &lost, streams); err != nil {
		a.h.t.Fatal(err)
	}
}

// sealTwice has an attempt sealed, and once more by a sealer that has not
// noticed. It returns the sealed row.
func (a *sealing) sealTwice() *attemptRow {
	t, ctx := a.h.t, context.Background()
	t.Helper()
	row := a.row()
	if err := a.h.service.seal(ctx, row); err != nil {
		t.Fatal(err)
	}
	if row.Phase != phaseSealed || a.count("chunks") == 0 {
		t.Errorf("got phase %q and %d chunks, want sealed and chunks", row.Phase, a.count("chunks"))
	}
	a.same("sealed")
	stale := *row
	stale.Phase, stale.Object = phaseSealing, ""
	if err := a.h.service.seal(ctx, &stale); err != nil || stale.Object != row.Object {
		t.Errorf("sealing twice: got object %q, %v; want %q", stale.Object, err, row.Object)
	}
	a.same("sealed twice")
	return row
}

// TestSealingSurvivesACrashAtEachStep stops the sealer after each of its writes
// and lets a new process go on; in between everything is readable.
func TestSealingSurvivesACrashAtEachStep(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "output", func(t *testing.T, open func() *store.DB) {
		h := newHarness(t, open, Config{})
		ctx := context.Background()
		a := newSealing(h)
		a.same("before")
		h.advance(30 * time.Second) // not due: nothing happens by itself meanwhile
		row := a.row()
		if err := h.service.shut(ctx, row); err != nil {
			t.Fatal(err)
		}
		if status, _ := a.frames(); status != 200 {
			t.Errorf("no frames: got %d, want 200", status)
		}
		a.same("shut")
		h.restart()
		a.crashAtUpload(row)
		a.same("uploaded")
		h.restart()
		row = a.sealTwice()
		if err := h.service.deleteChunks(ctx, row); err != nil {
			t.Fatal(err)
		}
		a.same("chunks deleted")
		h.restart()
		if err := h.service.prune(ctx, a.row()); err != nil {
			t.Fatal(err)
		}
		a.same("pruned")
		if keys := a.objects(); len(keys) != 1 || keys[0] != row.Object {
			t.Errorf("got objects %v, want %s alone", keys, row.Object)
		}
		if n := a.count("chunks") + a.count("tokens"); n != 0 {
			t.Errorf("%d chunks and tokens are left", n)
		}
	})
}

func TestSealerRunsByItself(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "output", func(t *testing.T, open func() *store.DB) {
		h := newHarness(t, open, Config{KeepOutput: time.Hour})
		a, empty := h.claimed(), h.claimed()
		a.run(0)
		a.write(0, 0, []byte("some bytes\n"))
		a.end()
		h.close(empty.id)
		for _, c := range []struct {
			after time.Duration
			want  phase
		}{{61 * time.Second, phaseSealed}, {5 * time.Minute, phasePruned}, {time.Hour, phaseExpired}} {
			h.advance(c.after)
			for _, one := range []*agent{a, empty} {
				one.await(c.want)
			}
		}
		if _, err := h.service.ReadOutput(context.Background(), core.OutputRange{Attempt: a.id}); core.ErrorCode(err) != core.CodeNotFound {
			t.Errorf("got %v, want not found", err)
		}
		if keys := a.objects(); len(keys) != 0 {
			t.Errorf("got objects %v, want none", keys)
		}
		if steps, err := h.service.TaskSteps(context.Background(), []core.TaskID{a.task}); err != nil || len(steps[0].Steps) != 1 {
			t.Errorf("got %+v, %v; want the step still", steps, err)
		}
	})
}

// await hints at the sealer until the attempt is in a phase.
func (a *agent) await(want phase) {
	a.h.t.Helper()
	deadline := time.After(time.Minute)
	for a.row().Phase != want {
		a.h.hints.Notify(sealTopic)
		select {
		case <-deadline:
			a.h.t.Fatalf("got phase %q, want %q; last error %q", a.row().Phase, want, a.row().LastError)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func TestFollowGoesOnAcrossSealing(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "output", func(t *testing.T, open func() *store.DB) {
		h := newHarness(t, open, Config{})
		a := h.claimed()
		a.run(0)
		data := text(5 << 20)
		a.write(0, 0, data)
		body, err := h.service.ReadOutput(context.Background(), core.OutputRange{Attempt: a.id, Follow: true})
		if err != nil {
			t.Fatal(err)
		}
		defer body.Close()
		got := make([]byte, 1<<20+7)
		if _, err := io.ReadFull(body, got); err != nil {
			t.Fatal(err)
		}
		a.end()
		h.advance(10 * time.Minute)
		if phase := a.seal().Phase; phase != phasePruned {
			t.Fatalf("got phase %q, want pruned", phase)
		}
		rest, err := io.ReadAll(body)
		if err != nil || !bytes.Equal(append(got, rest...), data) {
			t.Errorf("got %d bytes, %v; want the %d written", len(got)+len(rest), err, len(data))
		}
	})
}

// TestLargeLogOpensAtItsEnd asks that the end of 100 MB costs a piece or two.
func TestLargeLogOpensAtItsEnd(t *testing.T) {
	t.Parallel()
	h := sqlite(t, Config{})
	a := h.claimed()
	a.run(0)
	data := text(100 << 20)
	a.write(0, 0, data)
	a.end()
	h.advance(10 * time.Minute)
	a.seal()
	in, err := h.service.lookUp(context.Background(), a.id, 0)
	if err != nil || !in.Phase.inObject() {
		t.Fatalf("got %+v, %v", in, err)
	}
	_, length, err := locate(in.Frames, (in.Kept-1000)/maxChunk, window/maxChunk)
	if err != nil {
		t.Fatal(err)
	}
	size, err := h.objects.Size(context.Background(), in.Object)
	if err != nil {
		t.Fatal(err)
	}
	if length > size/100 {
		t.Errorf("the end of %d bytes takes %d of them, want a hundredth at most", size, length)
	}
	began := time.Now()
	got := a.read(core.OutputRange{Offset: in.Kept - 1000})
	took := time.Since(began)
	if !bytes.Equal(got, data[len(data)-1000:]) {
		t.Errorf("the end differs")
	}
	if took > 5*time.Second {
		t.Errorf("opening at the end took %s", took)
	}
	t.Logf("the last 1000 of %d bytes: %d of %d stored bytes read, %s", len(data), length, size, took)
}
