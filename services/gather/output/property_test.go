// SPDX-License-Identifier: MPL-2.0

package output

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/store/storetest"
	"github.com/muster-ci/muster/internal/wire"
)

// TestBytesArriveOnceWhateverHappens sends streams in random pieces: ahead of
// what is known, again, out of order, by two senders at once, through restarts
// of the service and lost answers. Afterwards each stream is what was written.
func TestBytesArriveOnceWhateverHappens(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			storetest.Each(t, "output", func(t *testing.T, open func() *store.DB) {
				chaos(t, newHarness(t, open, Config{}), rand.New(rand.NewPCG(seed, 1)))
			})
		})
	}
}

func chaos(t *testing.T, h *harness, rng *rand.Rand) {
	t.Helper()
	a := h.claimed()
	logs := map[int][]byte{0: eventLog(h.now())}
	for stream := 1; stream <= 3; stream++ {
		logs[stream] = text(1 + rng.IntN(400<<10))
		for range 100 {
			logs[stream][rng.IntN(len(logs[stream]))] = byte(rng.Uint32())
		}
	}
	durable := map[int]int64{}
	for round := 0; !complete(logs, durable); round++ {
		if round > 5000 {
			t.Fatalf("no end after %d rounds: %v", round, durable)
		}
		if rng.IntN(40) == 0 {
			h.restart()
		}
		if rng.IntN(40) == 0 && !a.row().Status.Ended() {
			a.claim()
		}
		frames := randomFrames(rng, logs, durable)
		status, acks := a.frames(frames...)
		if status != http.StatusOK && status != http.StatusConflict {
			t.Fatalf("round %d: got %d", round, status)
		}
		for stream, length := range acks.Streams {
			if length < durable[stream] || length > int64(len(logs[stream])) {
				t.Fatalf("round %d: stream %d went from %d to %d of %d", round, stream, durable[stream], length, len(logs[stream]))
			}
			if rng.IntN(3) > 0 { // or the answer was lost
				durable[stream] = length
			}
		}
	}
	for step := range 3 {
		if got := a.read(core.OutputRange{Step: step}); !bytes.Equal(got, logs[step+1]) {
			t.Errorf("step %d: got %d bytes, want %d that are equal", step, len(got), len(logs[step+1]))
		}
	}
	if got := a.row().Status; got != core.JobSuccess {
		t.Errorf("got status %s, want success", got)
	}
}

func eventLog(at time.Time) []byte {
	var log []byte
	for step := range 3 {
		log = append(log, line(wire.Event{Type: wire.StepStarted, Step: step, Name: "step", At: at})...)
	}
	for step := range 3 {
		log = append(log, line(wire.Event{Type: wire.StepEnded, Step: step, StepStatus: core.StepSuccess, At: at})...)
	}
	return append(log, line(wire.Event{Type: wire.TaskEnded, Status: core.JobSuccess, At: at})...)
}

func complete(logs map[int][]byte, durable map[int]int64) bool {
	for stream, log := range logs {
		if durable[stream] != int64(len(log)) {
			return false
		}
	}
	return true
}

func randomFrames(rng *rand.Rand, logs map[int][]byte, durable map[int]int64) []wire.Frame {
	var frames []wire.Frame
	for range rng.IntN(6) {
		stream := rng.IntN(len(logs))
		log := logs[stream]
		offset := durable[stream]
		switch rng.IntN(6) {
		case 0: // again
			offset = rng.Int64N(offset + 1)
		case 1: // beyond the end
			offset += rng.Int64N(int64(len(log)) - offset + 1)
		}
		n := rng.Int64N(min(int64(len(log))-offset, 60<<10) + 1)
		frames = append(frames, wire.Frame{Stream: stream, Offset: offset, Data: log[offset : offset+n]})
	}
	return frames
}
