// SPDX-License-Identifier: MPL-2.0

package output

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/internal/wire"
)

func TestFramesAreCutToRows(t *testing.T) {
	t.Parallel()
	h := sqlite(t, Config{Requests: 1})
	big := text(2*maxChunk + 1000)
	var body []byte
	for _, f := range []wire.Frame{
		{Stream: 1, Offset: 10, Data: []byte("a")},
		{Stream: 1, Offset: 11, Data: []byte("b")},
		{Stream: 1, Offset: 12},
		{Stream: 1, Offset: 12, Data: big},
		{Stream: 2, Offset: 0, Data: []byte("c")},
		{Stream: 2, Offset: 5},
		{Stream: 2, Offset: 1, Data: []byte("d")},
		{Stream: 0, Offset: 0, Data: []byte("{}\n")},
		{Stream: 0, Offset: 3, Data: []byte("{}\n")},
	} {
		body = wire.AppendFrame(body, f)
	}
	// Each holds the one place for large requests while it is in use.
	for range 2 {
		r, err := h.service.receive(context.Background(), bytes.NewReader(body))
		if err != nil || r.bad != nil {
			t.Fatal(err, r.bad)
		}
		var got []string
		for _, p := range r.pieces {
			data, err := p.plain()
			at := p.offset - 10
			if err != nil || p.size > 1 && p.stream > 0 && !bytes.HasPrefix(append([]byte("ab"), big...)[at:], data) {
				t.Errorf("stream %d at %d: packing changed the bytes, %v", p.stream, p.offset, err)
			}
			got = append(got, fmt.Sprintf("%d: %d+%d", p.stream, p.offset, p.size))
		}
		want := []string{"1: 10+262144", "1: 262154+262144", "1: 524298+1002", "2: 0+1", "2: 5+0", "2: 1+1", "0: 0+3", "0: 3+3"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("pieces (-want +got):\n%s", diff)
		}
		r.release()
	}
}

func TestLargeRequestsWaitForTheirTurn(t *testing.T) {
	t.Parallel()
	h := sqlite(t, Config{Requests: 1})
	large := wire.AppendFrame(nil, wire.Frame{Stream: 1, Data: make([]byte, small+1)})
	first, err := h.service.receive(context.Background(), bytes.NewReader(large))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := h.service.receive(ctx, bytes.NewReader(large)); err == nil {
		t.Error("a second large request did not wait")
	}
	little := wire.AppendFrame(nil, wire.Frame{Stream: 1, Data: make([]byte, small)})
	if _, err := h.service.receive(ctx, bytes.NewReader(little)); err != nil {
		t.Errorf("a small request waited: %v", err)
	}
	first.release()
	if _, err := h.service.receive(context.Background(), bytes.NewReader(large)); err != nil {
		t.Error(err)
	}
}

// TestAnAttemptHasFewRequestsInside: whoever opens many connections gets no more
// of the service than two, and nobody else waits for it.
func TestAnAttemptHasFewRequestsInside(t *testing.T) {
	t.Parallel()
	r := newRoom(1)
	ctx, cancel := context.WithCancel(context.Background())
	var leave []func()
	for range maxAtOnce {
		out, err := r.enter(ctx, "a")
		if err != nil {
			t.Fatal(err)
		}
		leave = append(leave, out)
	}
	waiting := make(chan error, 1)
	go func() {
		out, err := r.enter(ctx, "a")
		if err == nil {
			out()
		}
		waiting <- err
	}()
	out, err := r.enter(ctx, "b")
	if err != nil {
		t.Fatal(err)
	}
	out()
	leave[0]()
	if err := <-waiting; err != nil {
		t.Errorf("got %v for the one who waited", err)
	}
	if _, err := r.enter(ctx, "a"); err != nil {
		t.Error(err)
	}
	cancel()
	if _, err := r.enter(ctx, "a"); err == nil {
		t.Error("a third was let in")
	}
	leave[1]()
	if len(r.attempts) != 1 {
		t.Errorf("%d attempts are known, want the one that is inside", len(r.attempts))
	}
}

// TestLargeOnesEndThoughAllPlacesAreTaken: who has a large place waits for no
// other, so that it gives it back.
func TestLargeOnesEndThoughAllPlacesAreTaken(t *testing.T) {
	t.Parallel()
	r := newRoom(1)
	one, two := places{room: r}, places{room: r}
	ctx, cancel := context.WithCancel(context.Background())
	for _, size := range []int64{small, usual, usual + 1, wire.MaxRequest} {
		if err := one.grow(ctx, size); err != nil {
			t.Fatal(err)
		}
	}
	if err := two.grow(ctx, small); err != nil {
		t.Error(err)
	}
	cancel()
	if err := two.grow(ctx, small+1); err == nil {
		t.Error("there was a second place")
	}
	one.release()
	if err := two.grow(context.Background(), usual+1); err != nil {
		t.Error(err)
	}
	two.release()
	if len(r.usual) != 0 || len(r.large) != 0 {
		t.Error("places were not given back")
	}
}
