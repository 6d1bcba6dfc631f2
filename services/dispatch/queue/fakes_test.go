// SPDX-License-Identifier: MPL-2.0

package queue

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/hints"
	"github.com/muster-ci/muster/internal/store"
)

// tasks is the workflows side: it keeps what it was told.
type tasks struct {
	mu      sync.Mutex
	told    map[core.TaskID][]core.TaskReport
	done    int           // final reports
	changed chan struct{} // capacity 1
	fail    func() error
	// serials answers news of claims; nil takes them and wants all.
	serials func([]core.SerialNews) []core.SerialID
}

func newTasks() *tasks {
	return &tasks{told: map[core.TaskID][]core.TaskReport{}, changed: make(chan struct{}, 1), fail: func() error { return nil }}
}

func (f *tasks) TaskSpecs(_ context.Context, ids []core.TaskID) ([]core.TaskSpec, error) {
	specs := make([]core.TaskSpec, len(ids))
	for i, id := range ids {
		specs[i].Task = id
		specs[i].Pipeline.Project.Organization = core.Organization{VCS: "gh", Name: "acme"}
	}
	return specs, nil
}

func (f *tasks) ReportTasks(_ context.Context, reports []core.TaskReport) error {
	if err := f.fail(); err != nil {
		return err
	}
	f.mu.Lock()
	for _, r := range reports {
		f.told[r.Task] = append(f.told[r.Task], r)
		if r.Status.Ended() {
			f.done++
		}
	}
	f.mu.Unlock()
	select {
	case f.changed <- struct{}{}:
	default:
	}
	return nil
}

func (f *tasks) ReportSerials(_ context.Context, news []core.SerialNews) ([]core.SerialID, error) {
	if err := f.fail(); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.serials == nil {
		return nil, nil
	}
	unwanted := f.serials(news)
	select {
	case f.changed <- struct{}{}:
	default:
	}
	return unwanted, nil
}

func (f *tasks) ended() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.done
}

// finals returns the final reports of a task without repetitions.
func (f *tasks) finals(id core.TaskID) []core.TaskReport {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []core.TaskReport
	seen := map[string]bool{}
	for _, r := range f.told[id] {
		key := fmt.Sprint(r.Attempt, r.Status)
		if r.Status.Ended() && !seen[key] {
			seen[key] = true
			out = append(out, r)
		}
	}
	return out
}

// wait blocks until ok holds, looking again after each report.
func (f *tasks) wait(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(time.Minute)
	for !ok() {
		select {
		case <-f.changed:
		case <-deadline:
			t.Fatalf("%s did not happen within a minute", what)
		}
	}
}

// placements is the other side: onPlace and onStop decide what happens.
type placements struct {
	core.Placements

	mu      sync.Mutex
	placed  map[core.AttemptID]core.Attempt
	stopped map[core.AttemptID]bool
	onPlace func([]core.Attempt) error
	onStop  func([]core.AttemptID) error
}

func newPlacements() *placements {
	return &placements{
		placed: map[core.AttemptID]core.Attempt{}, stopped: map[core.AttemptID]bool{},
		onPlace: func([]core.Attempt) error { return nil }, onStop: func([]core.AttemptID) error { return nil },
	}
}

func (f *placements) Place(_ context.Context, attempts []core.Attempt) error {
	f.mu.Lock()
	var fresh []core.Attempt
	for _, a := range attempts {
		if _, ok := f.placed[a.ID]; !ok {
			f.placed[a.ID] = a
			fresh = append(fresh, a)
		}
	}
	f.mu.Unlock()
	return f.onPlace(fresh)
}

func (f *placements) StopAttempts(_ context.Context, ids []core.AttemptID) error {
	f.mu.Lock()
	for _, id := range ids {
		f.stopped[id] = true
	}
	f.mu.Unlock()
	return f.onStop(ids)
}

// bench is a queue with fakes around it.
type bench struct {
	*Service
	tasks      *tasks
	placements *placements
	hints      *hints.Local
	queue      core.Queue // of the instance started last
	stop       func()
}

// start runs one instance on db; more instances may share the fakes of b.
func start(t testing.TB, cfg Config, db *store.DB, b *bench) *bench {
	t.Helper()
	n := &bench{tasks: b.tasks, placements: b.placements, hints: b.hints}
	var err error
	n.Service, err = New(cfg, Deps{
		Logger: logger(t), Clock: time.Now, DB: db, Hints: b.hints, Placements: b.placements, Tasks: b.tasks,
	})
	if err != nil {
		t.Fatal(err)
	}
	b.queue = n.Service
	if err := db.MigrateEmbedded(context.Background(), migrations); err != nil { // so that calls need not wait for Run
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	n.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run returned %v, want nil", err)
		}
	})
	t.Cleanup(n.stop)
	return n
}

func fakes() *bench {
	return &bench{tasks: newTasks(), placements: newPlacements(), hints: hints.NewLocal()}
}

// placing returns what is handed to placements from now on. Up to ten attempts
// wait there for who reads them.
func (b *bench) placing() <-chan core.Attempt {
	placed := make(chan core.Attempt, 10)
	b.placements.onPlace = func(as []core.Attempt) error {
		for _, a := range as {
			placed <- a
		}
		return nil
	}
	return placed
}

func queued(n int, org core.OrganizationID, concurrency int) []core.QueuedTask {
	out := make([]core.QueuedTask, n)
	for i := range out {
		out[i] = core.QueuedTask{
			ID: core.TaskID(fmt.Sprintf("%s-%05d", org, i)), Organization: org, Project: "p",
			Concurrency: concurrency, Executor: core.ExecutorDocker,
		}
	}
	return out
}

// sometimes returns an error one time in n.
func sometimes(r *rand.Rand, mu *sync.Mutex, n int) error {
	mu.Lock()
	defer mu.Unlock()
	if r.IntN(n) == 0 {
		return core.Errorf(core.CodeUnavailable, "away: %w", errors.New("lost"))
	}
	return nil
}

// logger writes warnings to the test's log, where a failure shows them.
func logger(t testing.TB) hclog.Logger {
	return hclog.New(&hclog.LoggerOptions{Level: hclog.Warn, Output: t.Output()})
}
