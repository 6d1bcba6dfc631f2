// SPDX-License-Identifier: MPL-2.0

package output

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/store/storetest"
	"github.com/muster-ci/muster/internal/wire"
	"github.com/muster-ci/muster/services/gather/output/samples"
)

// used makes an event of two samples.
func used(cpu float64, memory int64) wire.Event {
	return wire.Event{Type: wire.TaskUsage, Usage: &wire.Usage{
		Interval: 5 * time.Second, CPU: []float64{cpu, 2 * cpu}, Memory: []int64{memory, memory / 2}, Disk: []int64{1, 2},
		NetworkIn: memory, Class: core.UsageLimit{Name: "large", Cores: 4, Memory: 8 << 30},
	}}
}

// TestUsageIsKeptByAttempt: events add up, also when they are sent twice, and a
// task that told nothing has none.
func TestUsageIsKeptByAttempt(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "output", func(t *testing.T, open func() *store.DB) {
		h := newHarness(t, open, Config{})
		one, other := h.claimed(), h.claimed()
		begin, rest := line(used(1, 100)), line(used(3, 400))
		one.must(wire.Frame{Stream: wire.EventStream, Data: begin})
		one.must(wire.Frame{Stream: wire.EventStream, Data: begin}) // the answer was lost
		one.must(wire.Frame{Stream: wire.EventStream, Offset: int64(len(begin)), Data: rest})
		got, err := h.service.TaskUsage(t.Context(), core.UsageQuery{Tasks: []core.TaskID{other.task, one.task, one.task}, Series: true})
		if err != nil {
			t.Fatal(err)
		}
		want := []core.ResourceUsage{{
			Task: one.task, Attempt: one.id, Number: 1, Class: core.UsageLimit{Name: "large", Cores: 4, Memory: 8 << 30},
			Interval: 5 * time.Second, Samples: 4, CPU: core.UsageStats{Average: 3, Peak: 6}, Memory: core.UsageStats{Average: 187.5, Peak: 400},
			Disk: core.UsageStats{Average: 1.5, Peak: 2}, NetworkIn: 400,
			Series: &core.UsageSeries{CPU: []float64{1, 2, 3, 6}, Memory: []int64{100, 50, 400, 200}, Disk: []int64{1, 2, 1, 2}},
		}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		got, err = h.service.TaskUsage(t.Context(), core.UsageQuery{Tasks: []core.TaskID{one.task}})
		if err != nil || len(got) != 1 || got[0].Series != nil {
			t.Errorf("without series: got %+v, %v", got, err)
		}
		if _, err := h.service.TaskUsage(t.Context(), core.UsageQuery{Tasks: make([]core.TaskID, maxUsageTasks+1)}); core.ErrorCode(err) != core.CodeInvalid {
			t.Errorf("too many tasks: got %v", err)
		}
	})
}

// TestUsageIsBounded has an agent that tells for days.
func TestUsageIsBounded(t *testing.T) {
	t.Parallel()
	h := sqlite(t, Config{})
	a := h.claimed()
	var events []wire.Event
	for range 2 * samples.MaxPoints {
		events = append(events, used(1, 100))
	}
	a.tell(events...)
	got, err := h.service.TaskUsage(t.Context(), core.UsageQuery{Tasks: []core.TaskID{a.task}, Series: true})
	if err != nil || len(got) != 1 || got[0].Samples > samples.MaxPoints || got[0].Interval != 20*time.Second {
		t.Fatalf("got %d samples each %s, %v", got[0].Samples, got[0].Interval, err)
	}
	status, _ := a.frames(wire.Frame{Stream: wire.EventStream, Offset: a.events, Data: []byte(`{"type":"task:usage"}` + "\n")})
	if status != http.StatusBadRequest {
		t.Errorf("an event without use: got %d, want 400", status)
	}
}
