// SPDX-License-Identifier: MPL-2.0

package clustertest

import (
	"context"
	"testing"
	"time"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/services/dispatch/placements/cluster"
)

// Behavior is what the agent of a test does.
type Behavior string

// The behaviors.
const (
	Sleeps   Behavior = "sleeps"   // until it is asked to end
	Succeeds Behavior = "succeeds" // exits 0 at once
	Crashes  Behavior = "crashes"  // is ended by a signal
	Stubborn Behavior = "stubborn" // does not end when asked
)

// Script is the behavior as a program for sh(1).
func (b Behavior) Script() string {
	switch b {
	case Sleeps:
		return "trap 'exit 0' TERM; while :; do sleep 0.05; done"
	case Crashes:
		return "kill -9 $$"
	case Stubborn:
		return "trap '' TERM; while :; do sleep 0.05; done"
	default:
		return "exit 0"
	}
}

// Harness is a cluster under test.
type Harness struct {
	Cluster cluster.Cluster
	// Placement makes a placement whose agent behaves so.
	Placement func(t *testing.T, b Behavior) cluster.Placement
	// Restart returns the cluster as a new process of Muster would have it, after
	// the first one was stopped without a word.
	Restart func(t *testing.T) cluster.Cluster
	// Patience is how long the cluster may take for anything. Default: 30s.
	Patience time.Duration
}

// Suite runs the promises of cluster.Cluster against the clusters that make
// returns. Each test gets one of its own unless make hands out a shared one;
// tests look at their own attempts only.
func Suite(t *testing.T, make func(t *testing.T) *Harness) {
	t.Helper()
	tests := map[string]func(*testing.T, *Harness){
		"submitting twice starts one run": submitTwice,
		"an end stays listed until Stop":  endStays,
		"a crash is an end":               crashEnds,
		"Stop ends and forgets":           stopEnds,
		"Stop ends a stubborn agent":      stopStubborn,
		"Stop of nothing is no error":     stopNothing,
		"Find of nothing is not found":    findNothing,
		"Watch tells of a run":            watchTells,
		"runs outlive their submitter":    outlives,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := make(t)
			if h.Patience == 0 {
				h.Patience = 30 * time.Second
			}
			test(t, h)
		})
	}
}

// submit starts an attempt that the test's end stops.
func (h *Harness) submit(t *testing.T, b Behavior) cluster.Placement {
	t.Helper()
	p := h.Placement(t, b)
	if err := h.Cluster.Submit(t.Context(), p); err != nil {
		t.Fatalf("Submit: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), h.Patience)
		defer cancel()
		if err := h.Cluster.Stop(ctx, p.Attempt.ID); err != nil {
			t.Errorf("stopping %s at the end of the test: %v", p.Attempt.ID, err)
		}
		h.gone(t, p.Attempt.ID)
	})
	return p
}

// until asks for an attempt until ok holds for it.
func (h *Harness) until(t *testing.T, id core.AttemptID, what string, ok func(a cluster.Allocation) bool) cluster.Allocation {
	t.Helper()
	var last cluster.Allocation
	var err error
	for deadline := time.Now().Add(h.Patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		last, err = h.Cluster.Find(context.Background(), id)
		if err == nil && ok(last) {
			return last
		}
	}
	t.Fatalf("%s is not %s after %s: %+v, %v", id, what, h.Patience, last, err)
	return last
}

func running(a cluster.Allocation) bool { return a.State == cluster.Running && a.ID != "" }
func ended(a cluster.Allocation) bool   { return a.State == cluster.Ended }

// gone waits until the cluster does not list an attempt any more.
func (h *Harness) gone(t *testing.T, id core.AttemptID) {
	t.Helper()
	var listed []cluster.Allocation
	for deadline := time.Now().Add(h.Patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if listed = h.listed(t, id); len(listed) == 0 {
			return
		}
	}
	t.Errorf("%s is still listed %s after Stop: %+v", id, h.Patience, listed)
}

func (h *Harness) listed(t *testing.T, id core.AttemptID) []cluster.Allocation {
	t.Helper()
	list, err := h.Cluster.List(context.Background())
	if err != nil {
		t.Fatalf("List: %v", err)
	}
	var of []cluster.Allocation
	for _, a := range list {
		if a.Attempt == id {
			of = append(of, a)
		}
	}
	return of
}

func submitTwice(t *testing.T, h *Harness) {
	p := h.submit(t, Sleeps)
	first := h.until(t, p.Attempt.ID, "running", running)
	if err := h.Cluster.Submit(t.Context(), p); err != nil {
		t.Fatalf("the second Submit: %v", err)
	}
	listed := h.listed(t, p.Attempt.ID)
	if len(listed) != 1 || listed[0].ID != first.ID || listed[0].State != cluster.Running {
		t.Errorf("listed %+v, want only the run %s", listed, first.ID)
	}
	if listed[0].Created.IsZero() || listed[0].Node == "" {
		t.Errorf("listed %+v, want a time of creation and a node", listed[0])
	}
}

func endStays(t *testing.T, h *Harness) {
	p := h.submit(t, Succeeds)
	a := h.until(t, p.Attempt.ID, "ended", ended)
	if a.Kind != cluster.None || a.ID == "" {
		t.Errorf("ended as %+v, want no kind of failure and the allocation's id", a)
	}
	if err := h.Cluster.Submit(t.Context(), p); err != nil {
		t.Fatalf("Submit after the end: %v", err)
	}
	if listed := h.listed(t, p.Attempt.ID); len(listed) != 1 || listed[0].State != cluster.Ended || listed[0].ID != a.ID {
		t.Errorf("listed %+v after a second Submit, want the ended run %s", listed, a.ID)
	}
}

func crashEnds(t *testing.T, h *Harness) {
	p := h.submit(t, Crashes)
	if a := h.until(t, p.Attempt.ID, "ended", ended); a.Reason == "" {
		t.Errorf("ended as %+v, want a reason", a)
	}
}

func stopEnds(t *testing.T, h *Harness) {
	p := h.submit(t, Sleeps)
	h.until(t, p.Attempt.ID, "running", running)
	for range 2 {
		if err := h.Cluster.Stop(t.Context(), p.Attempt.ID); err != nil {
			t.Fatalf("Stop: %v", err)
		}
	}
	h.gone(t, p.Attempt.ID)
}

func stopStubborn(t *testing.T, h *Harness) {
	p := h.submit(t, Stubborn)
	h.until(t, p.Attempt.ID, "running", running)
	if err := h.Cluster.Stop(t.Context(), p.Attempt.ID); err != nil {
		t.Fatalf("Stop: %v", err)
	}
	h.gone(t, p.Attempt.ID)
}

func stopNothing(t *testing.T, h *Harness) {
	if err := h.Cluster.Stop(t.Context(), core.NewAttemptID()); err != nil {
		t.Errorf("Stop of an unknown attempt: %v, want nil", err)
	}
}

func findNothing(t *testing.T, h *Harness) {
	if _, err := h.Cluster.Find(t.Context(), core.NewAttemptID()); core.ErrorCode(err) != core.CodeNotFound {
		t.Errorf("Find of an unknown attempt: %v, want not found", err)
	}
}

// watchTells submits attempts until Watch tells of one: it promises nothing of
// what happens before its stream is open, which nothing shows.
func watchTells(t *testing.T, h *Harness) {
	seen := make(chan cluster.Allocation, 1000)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- h.Cluster.Watch(ctx, func(news []cluster.Allocation) {
			for _, a := range news {
				seen <- a
			}
		})
	}()
	t.Cleanup(func() {
		cancel()
		for {
			select {
			case err := <-ended:
				if err != nil {
					t.Errorf("Watch returned %v when its context ended, want nil", err)
				}
				return
			case <-seen:
			}
		}
	})
	for wait := h.Patience / 32; wait <= h.Patience; wait *= 2 {
		if p := h.submit(t, Sleeps); hears(seen, p.Attempt.ID, wait) {
			return
		}
	}
	t.Error("Watch did not tell of any run")
}

// hears tells whether an attempt is seen running.
func hears(seen <-chan cluster.Allocation, id core.AttemptID, patience time.Duration) bool {
	timeout := time.After(patience)
	for {
		select {
		case a := <-seen:
			if a.Attempt == id && running(a) {
				return true
			}
		case <-timeout:
			return false
		}
	}
}

func outlives(t *testing.T, h *Harness) {
	p := h.submit(t, Sleeps)
	before := h.until(t, p.Attempt.ID, "running", running)
	h.Cluster = h.Restart(t)
	after := h.until(t, p.Attempt.ID, "running after a restart", running)
	if after.ID != before.ID {
		t.Errorf("the run is %s after a restart and was %s before", after.ID, before.ID)
	}
	if err := h.Cluster.Stop(t.Context(), p.Attempt.ID); err != nil {
		t.Fatalf("Stop after a restart: %v", err)
	}
	h.gone(t, p.Attempt.ID)
}
