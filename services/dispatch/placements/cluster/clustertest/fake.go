// SPDX-License-Identifier: MPL-2.0

package clustertest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/services/dispatch/placements/cluster"
)

// Fake is a cluster in memory. Runs do what the test tells: nothing happens by
// itself but for attempts with a behavior.
type Fake struct {
	mu        sync.Mutex
	runs      map[core.AttemptID]*cluster.Allocation
	order     []core.AttemptID
	behaviors map[core.AttemptID]Behavior
	submits   map[core.AttemptID]int
	stops     map[core.AttemptID]int
	fail      func(call string, id core.AttemptID) error
	watchers  map[chan struct{}]*[]cluster.Allocation
	broken    chan struct{} // closed to break the streams that are open
	changed   Signal
}

// NewFake returns a cluster without runs.
func NewFake() *Fake {
	return &Fake{
		runs: map[core.AttemptID]*cluster.Allocation{}, behaviors: map[core.AttemptID]Behavior{},
		submits: map[core.AttemptID]int{}, stops: map[core.AttemptID]int{},
		fail:     func(string, core.AttemptID) error { return nil },
		watchers: map[chan struct{}]*[]cluster.Allocation{}, broken: make(chan struct{}),
	}
}

// FailWith has every call ask f first, with its name ("submit", "stop", "list",
// "find"); what f returns is the call's error, and the call did nothing.
func (f *Fake) FailWith(fail func(call string, id core.AttemptID) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail = fail
}

// Behave has an attempt that is yet to be submitted behave so.
func (f *Fake) Behave(id core.AttemptID, b Behavior) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.behaviors[id] = b
}

// Changed returns a channel that is closed at the next change of a run.
func (f *Fake) Changed() <-chan struct{} { return f.changed.Next() }

// Submitted and Stopped count calls for an attempt that did something.
func (f *Fake) Submitted(id core.AttemptID) int { return f.count(f.submits, id) }

// Stopped counts the calls of Stop for an attempt.
func (f *Fake) Stopped(id core.AttemptID) int { return f.count(f.stops, id) }

func (f *Fake) count(of map[core.AttemptID]int, id core.AttemptID) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return of[id]
}

// Set changes a run and tells the watchers, unless quiet.
func (f *Fake) Set(id core.AttemptID, quiet bool, change func(a *cluster.Allocation)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	a := f.runs[id]
	if a == nil {
		a = &cluster.Allocation{Attempt: id, State: cluster.Pending, Created: time.Now()}
		f.runs[id] = a
		f.order = append(f.order, id)
	}
	change(a)
	f.tell(*a, quiet)
}

// SetExisting is Set for a run that may be gone already; then it does nothing.
func (f *Fake) SetExisting(id core.AttemptID, quiet bool, change func(a *cluster.Allocation)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if a := f.runs[id]; a != nil {
		change(a)
		f.tell(*a, quiet)
	}
}

// Start has a run get the allocation "alloc-<attempt>" and be running.
func (f *Fake) Start(id core.AttemptID) {
	f.Set(id, false, func(a *cluster.Allocation) { start(a) })
}

func start(a *cluster.Allocation) {
	a.ID, a.Node, a.State, a.Reason = "alloc-"+string(a.Attempt), "node1", cluster.Running, ""
}

// End has a run end, if it is there.
func (f *Fake) End(id core.AttemptID, kind cluster.Kind, reason string) {
	f.SetExisting(id, false, func(a *cluster.Allocation) { a.State, a.Kind, a.Reason = cluster.Ended, kind, reason })
}

// Lose forgets a run without a word.
func (f *Fake) Lose(id core.AttemptID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.forget(id)
}

// Break ends the event streams that are open.
func (f *Fake) Break() {
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.broken)
	f.broken = make(chan struct{})
}

func (f *Fake) forget(id core.AttemptID) {
	delete(f.runs, id)
	f.order = slices.DeleteFunc(f.order, func(o core.AttemptID) bool { return o == id })
}

func (f *Fake) tell(a cluster.Allocation, quiet bool) {
	for more, news := range f.watchers {
		if !quiet {
			*news = append(*news, a)
			signal(more)
		}
	}
	f.changed.Send()
}

func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// Submit implements cluster.Cluster.
func (f *Fake) Submit(_ context.Context, p cluster.Placement) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	id := p.Attempt.ID
	if err := f.fail("submit", id); err != nil {
		return err
	}
	if f.runs[id] != nil {
		return nil
	}
	f.submits[id]++
	a := &cluster.Allocation{Attempt: id, State: cluster.Pending, Created: time.Now()}
	f.runs[id] = a
	f.order = append(f.order, id)
	switch f.behaviors[id] {
	case Sleeps, Stubborn:
		start(a)
	case Succeeds:
		start(a)
		a.State, a.Reason = cluster.Ended, "exit status 0"
	case Crashes:
		start(a)
		a.State, a.Kind, a.Reason = cluster.Ended, cluster.Killed, "signal 9"
	}
	f.tell(*a, false)
	return nil
}

// Stop implements cluster.Cluster.
func (f *Fake) Stop(_ context.Context, id core.AttemptID) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.fail("stop", id); err != nil {
		return err
	}
	f.stops[id]++
	if a := f.runs[id]; a != nil {
		f.forget(id)
		a.State, a.Reason = cluster.Ended, "stopped"
		f.tell(*a, false)
	}
	f.changed.Send()
	return nil
}

// List implements cluster.Cluster.
func (f *Fake) List(context.Context) ([]cluster.Allocation, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.fail("list", ""); err != nil {
		return nil, err
	}
	list := make([]cluster.Allocation, len(f.order))
	for i, id := range f.order {
		list[i] = *f.runs[id]
	}
	return list, nil
}

// Find implements cluster.Cluster.
func (f *Fake) Find(_ context.Context, id core.AttemptID) (cluster.Allocation, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.fail("find", id); err != nil {
		return cluster.Allocation{}, err
	}
	if a := f.runs[id]; a != nil {
		return *a, nil
	}
	return cluster.Allocation{}, core.Errorf(core.CodeNotFound, "no run of %s", id)
}

// Watch implements cluster.Cluster.
func (f *Fake) Watch(ctx context.Context, news func([]cluster.Allocation)) error {
	more := make(chan struct{}, 1)
	f.mu.Lock()
	f.watchers[more] = &[]cluster.Allocation{}
	broken := f.broken
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		delete(f.watchers, more)
		f.mu.Unlock()
	}()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-broken:
			return fmt.Errorf("the stream broke")
		case <-more:
			f.mu.Lock()
			some := *f.watchers[more]
			f.watchers[more] = &[]cluster.Allocation{}
			f.mu.Unlock()
			news(some)
		}
	}
}
