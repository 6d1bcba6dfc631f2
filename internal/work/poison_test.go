// SPDX-License-Identifier: MPL-2.0

package work_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/work"
)

func TestPoisonIsSetAside(t *testing.T) {
	t.Parallel()
	each(t, func(b *bench) {
		b.add("bad", "good")
		var cured atomic.Bool
		tries := make(chan int, 100)
		cfg := b.config(func(_ context.Context, rows []*chore) []work.Result {
			out := results(rows, work.Done())
			for i, row := range rows {
				if row.ID == "bad" && !cured.Load() {
					tries <- row.Tries
					out[i] = work.Fail(errors.New("bad as ever"))
				}
			}
			return out
		})
		cfg.MaxTries = 3
		cfg.Clock = nil
		cfg.Backoff = func(int) time.Duration { return time.Millisecond }
		reg := prometheus.NewRegistry()
		cfg.Metrics = reg
		b.run(cfg)
		for want := range 3 {
			if got := recv(b.t, tries, "a try"); got != want {
				b.t.Errorf("tried with %d tries, want %d", got, want)
			}
		}
		b.until("bad", func(i *work.Item) bool { return i.SetAside })
		items, err := work.SetAside(b.t.Context(), b.db, table)
		if err != nil || len(items) != 1 || items[0].ID != "bad" || items[0].LastError != "bad as ever" || items[0].Tries != 3 {
			b.t.Errorf("SetAside: %+v, %v", items, err)
		}
		eventually(b.t, "the gauge", func() bool { return gauge(b.t, reg, "muster_work_set_aside") == 1 })
		b.hints.Notify(topic)
		cured.Store(true)
		b.mark(b.clock.Now(), "bad")
		b.hints.Notify(topic)
		item := b.until("bad", func(i *work.Item) bool { return !i.SetAside && i.DueAt.IsZero() && i.LeaseOwner == "" })
		if item.Tries != 0 || item.LastError != "" || len(tries) != 0 {
			b.t.Errorf("after the cure: %+v, %d tries more", item, len(tries))
		}
		eventually(b.t, "the gauge", func() bool { return gauge(b.t, reg, "muster_work_set_aside") == 0 })
	})
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patient); !ok(); {
		if time.Now().After(deadline) {
			t.Fatalf("timed out waiting for %s", what)
		}
	}
}

// gauge returns the value of the one series with this name.
func gauge(t *testing.T, reg *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			m := f.GetMetric()[0]
			return m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}

func TestPanicHurtsOnlyItsRow(t *testing.T) {
	t.Parallel()
	each(t, func(b *bench) {
		b.add("a", "boom", "c", "short")
		cfg := b.config(func(_ context.Context, rows []*chore) []work.Result {
			for _, row := range rows {
				if row.ID == "boom" {
					panic("no such luck")
				}
			}
			if rows[0].ID == "short" {
				return nil
			}
			return results(rows, work.Done())
		})
		stop := b.run(cfg)
		b.until("short", func(i *work.Item) bool { return i.Tries == 1 })
		stop()
		got := map[string]string{}
		for _, id := range []string{"a", "boom", "c", "short"} {
			got[id] = b.row(id).LastError
		}
		want := map[string]string{
			"a": "", "c": "", "boom": "the handler panicked: no such luck", "short": "the handler gave 0 results for 1 rows",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			b.t.Errorf("last errors (-want +got):\n%s", diff)
		}
	})
}

// However long the outage, no row is set aside for it, and the pauses grow.
func TestOutageCountsNoTries(t *testing.T) {
	t.Parallel()
	each(t, func(b *bench) {
		b.add("a")
		var asked []int
		var up atomic.Bool
		calls := make(chan struct{}, 100)
		cfg := b.config(func(_ context.Context, rows []*chore) []work.Result {
			calls <- struct{}{}
			if up.Load() {
				return results(rows, work.Done())
			}
			return results(rows, work.Fail(core.Errorf(core.CodeUnavailable, "closed for today")))
		})
		cfg.Clock, cfg.MaxTries = nil, 2
		cfg.Backoff = func(tries int) time.Duration {
			asked = append(asked, tries)
			return time.Millisecond
		}
		stop := b.run(cfg)
		for range 6 {
			recv(b.t, calls, "a try")
		}
		up.Store(true)
		b.until("a", func(i *work.Item) bool { return i.DueAt.IsZero() })
		stop()
		if len(asked) < 5 || !slices.IsSorted(asked) || asked[0] == asked[len(asked)-1] {
			b.t.Errorf("backed off for tries %v, want them to grow", asked)
		}
	})
}

// A hint that comes many times over costs no second handling.
func TestDuplicateHintsAndMarks(t *testing.T) {
	t.Parallel()
	each(t, func(b *bench) {
		handled := make(chan string, 100)
		stop := b.run(b.config(func(_ context.Context, rows []*chore) []work.Result {
			for _, row := range rows {
				handled <- row.ID
			}
			return results(rows, work.Delete())
		}))
		b.add("a")
		for range 50 {
			b.hints.Notify(topic)
		}
		recv(b.t, handled, "the row")
		b.mark(b.clock.Now(), "a") // gone, or about to be
		b.add("b")
		b.hints.Notify(topic)
		for recv(b.t, handled, "the last row") != "b" {
			b.t.Log("handled twice: the mark came before the delete")
		}
		stop()
		if len(handled) != 0 {
			b.t.Errorf("%d rows were handled that nobody asked for", len(handled))
		}
	})
}

func TestMetricsAreSharedWithinAProcess(t *testing.T) {
	t.Parallel()
	each(t, func(b *bench) {
		reg := prometheus.NewRegistry()
		b.add("a", "b")
		cfg := b.config(func(_ context.Context, rows []*chore) []work.Result {
			return results(rows, work.Done())
		})
		cfg.Metrics = reg
		for range 2 {
			b.run(cfg) // the same name twice
		}
		other := cfg
		other.Name = "test.other"
		b.run(other)
		b.until("b", func(i *work.Item) bool { return i.DueAt.IsZero() })
		b.until("a", func(i *work.Item) bool { return i.DueAt.IsZero() })
		eventually(b.t, "the rows to be counted", func() bool { return total(b.t, reg, "muster_work_done_total") == 2 })
		if got := total(b.t, reg, "muster_work_claimed_total"); got != 2 {
			b.t.Errorf("claimed %v rows, want 2", got)
		}
		if got := total(b.t, reg, "muster_work_handle_seconds"); got < 1 {
			b.t.Errorf("timed %v batches, want some", got)
		}
	})
}

// total returns the sum over two loops' series of one name: a counter's values,
// a histogram's counts.
func total(t *testing.T, reg *prometheus.Registry, name string) (sum float64) {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		if len(f.GetMetric()) != 2 {
			t.Fatalf("%s has %d series, want one per loop name", name, len(f.GetMetric()))
		}
		for _, m := range f.GetMetric() {
			sum += m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return sum
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	b := &bench{t: t, clock: newClock()}
	valid := b.config(func(context.Context, []*chore) []work.Result { return nil })
	valid.DB, valid.Hints = &store.DB{}, nil
	for name, change := range map[string]func(*work.Config[*chore]){
		"no name":          func(c *work.Config[*chore]) { c.Name = "" },
		"no table":         func(c *work.Config[*chore]) { c.Table = "" },
		"no database":      func(c *work.Config[*chore]) { c.DB = nil },
		"no handler":       func(c *work.Config[*chore]) { c.Handle = nil },
		"a huge batch":     func(c *work.Config[*chore]) { c.Batch = 5000 },
		"negative workers": func(c *work.Config[*chore]) { c.Workers = -1 },
		"a negative lease": func(c *work.Config[*chore]) { c.Lease = -1 },
	} {
		cfg := valid
		change(&cfg)
		if _, err := work.New(cfg); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := work.New(valid); err != nil {
		t.Errorf("a valid one: %v", err)
	}
}
