// SPDX-License-Identifier: MPL-2.0

package placements

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/hints"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/services/dispatch/placements/cluster/clustertest"
)

// peers are the services around placements: they keep what they are told.
type peers struct {
	core.Queue
	core.ProjectSecrets

	mu      sync.Mutex
	reports map[core.AttemptID][]core.AttemptReport
	closed  map[core.AttemptID]core.AttemptClose
	stops   map[core.AttemptID]bool
	images  []core.DockerImage
	setup   bool          // the tasks are of a setup workflow
	limit   time.Duration // of the project
	fail    func() error
	changed clustertest.Signal
}

func newPeers() *peers {
	return &peers{
		reports: map[core.AttemptID][]core.AttemptReport{}, closed: map[core.AttemptID]core.AttemptClose{},
		stops: map[core.AttemptID]bool{}, fail: func() error { return nil },
	}
}

func (p *peers) note(f func()) error {
	if err := p.fail(); err != nil {
		return err
	}
	p.mu.Lock()
	f()
	p.mu.Unlock()
	p.changed.Send()
	return nil
}

func (p *peers) TaskSpecs(_ context.Context, ids []core.TaskID) ([]core.TaskSpec, error) {
	if err := p.fail(); err != nil {
		return nil, err
	}
	specs := make([]core.TaskSpec, len(ids))
	for i, id := range ids {
		if id == "unknown" {
			return nil, core.Errorf(core.CodeNotFound, "no task %s", id)
		}
		specs[i] = core.TaskSpec{Task: id, Number: 7}
		specs[i].Pipeline.Project.ID = "project"
		specs[i].Pipeline.Project.Settings.JobTimeLimit = p.limit
		specs[i].Plan.Executor.Images = p.images
		specs[i].Pipeline.ID, specs[i].Setup = "pipeline", p.setup
	}
	return specs, nil
}

func (p *peers) ReportTasks(context.Context, []core.TaskReport) error { return nil }

func (p *peers) ReportSerials(context.Context, []core.SerialNews) ([]core.SerialID, error) {
	return nil, nil
}

func (p *peers) RevealVariables(context.Context, core.ProjectID) ([]core.ProjectVariable, error) {
	return []core.ProjectVariable{{Name: "TOKEN", Value: "secret"}}, p.fail()
}

func (p *peers) ContinuePipeline(context.Context, core.Continuation) (core.Pipeline, error) {
	return core.Pipeline{}, core.Errorf(core.CodeInternal, "placements continues nothing")
}

func (p *peers) ContinuationKey(_ context.Context, id core.PipelineID) (string, error) {
	return "key of " + string(id), p.fail()
}

func (p *peers) ReportAttempts(_ context.Context, reports []core.AttemptReport) error {
	return p.note(func() {
		for _, r := range reports {
			p.reports[r.Attempt] = append(p.reports[r.Attempt], r)
		}
	})
}

func (p *peers) CloseAttempts(_ context.Context, closes []core.AttemptClose) error {
	return p.note(func() {
		for _, c := range closes {
			p.closed[c.Attempt] = c
		}
	})
}

func (p *peers) StopOutput(_ context.Context, ids []core.AttemptID) error {
	return p.note(func() {
		for _, id := range ids {
			p.stops[id] = true
		}
	})
}

// finals returns the distinct final reports of an attempt.
func (p *peers) finals(id core.AttemptID) []core.AttemptReport {
	return p.with(id, func(r core.AttemptReport) bool { return r.Status.Ended() })
}

func (p *peers) with(id core.AttemptID, ok func(core.AttemptReport) bool) []core.AttemptReport {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []core.AttemptReport
	seen := map[core.JobStatus]bool{}
	for _, r := range p.reports[id] {
		if ok(r) && !seen[r.Status] {
			seen[r.Status] = true
			out = append(out, r)
		}
	}
	return out
}

// site is a running placements with fakes around it.
type site struct {
	*Service
	peers   *peers
	cluster *clustertest.Fake
	hints   *hints.Local
	stop    func()
}

func fakes() *site {
	return &site{peers: newPeers(), cluster: clustertest.NewFake(), hints: hints.NewLocal()}
}

// quick is a configuration for tests: nothing is waited for longer than it
// takes to tell early from late.
func quick() Config {
	return Config{
		StopGrace: 200 * time.Millisecond, AgentGrace: 100 * time.Millisecond, PurgeDelay: 20 * time.Millisecond,
		Relist: 50 * time.Millisecond, OrphanAge: time.Hour,
	}
}

// start runs an instance on db that shares the fakes of f.
func (f *site) start(t testing.TB, cfg Config, db *store.DB) *site {
	t.Helper()
	n := &site{peers: f.peers, cluster: f.cluster, hints: f.hints}
	logger := hclog.New(&hclog.LoggerOptions{Level: hclog.Error, Output: t.Output()})
	var err error
	n.Service, err = New(cfg, Deps{
		Logger: logger, Clock: time.Now, DB: db, Hints: f.hints, Cluster: f.cluster,
		Peers: Peers{Tasks: f.peers, Queue: f.peers, Secrets: f.peers, Output: f.peers, Continuations: f.peers},
	})
	if err != nil {
		t.Fatal(err)
	}
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

// until waits for something that comes with a change of the peers or of the
// cluster, or with a hint.
func (f *site) until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	hint, cancel := f.hints.Subscribe(topicAttempts)
	defer cancel()
	deadline := time.After(time.Minute)
	for {
		peers, cluster := f.peers.changed.Next(), f.cluster.Changed()
		if ok() {
			return
		}
		select {
		case <-peers:
		case <-cluster:
		case <-hint:
		case <-deadline:
			t.Fatalf("%s did not happen within a minute", what)
		}
	}
}

func (f *site) final(t testing.TB, id core.AttemptID) core.AttemptReport {
	t.Helper()
	f.until(t, "the end of "+string(id), func() bool { return len(f.peers.finals(id)) > 0 })
	return f.peers.finals(id)[0]
}

// cleared waits until the cluster has no run of an attempt any more.
func (f *site) cleared(t testing.TB, id core.AttemptID) {
	t.Helper()
	f.until(t, "the removal of "+string(id), func() bool {
		_, err := f.cluster.Find(context.Background(), id)
		return err != nil
	})
}

// placed places one attempt and waits for its submission.
func (f *site) placed(t testing.TB) core.AttemptID {
	t.Helper()
	id := core.NewAttemptID()
	f.place(t, id)
	f.until(t, "the submission", func() bool { return f.cluster.Submitted(id) == 1 })
	return id
}

// awaitStart waits until an attempt is on the cluster, or has ended without.
func (f *site) awaitStart(id core.AttemptID) bool {
	for {
		peers, cluster := f.peers.changed.Next(), f.cluster.Changed()
		if f.cluster.Submitted(id) > 0 {
			return true
		}
		if len(f.peers.finals(id)) > 0 {
			return false
		}
		select {
		case <-peers:
		case <-cluster:
		}
	}
}

func (f *site) place(t testing.TB, id core.AttemptID) {
	t.Helper()
	err := f.Place(context.Background(), []core.Attempt{{ID: id, Task: core.TaskID("task-" + string(id)), Number: 1, Executor: core.ExecutorDocker}})
	if err != nil {
		t.Fatal(err)
	}
}

// claim has the agent of a run ask for its work.
func (f *site) claim(t testing.TB, id core.AttemptID) {
	t.Helper()
	f.cluster.Start(id)
	if _, err := f.Claim(context.Background(), core.Claim{Attempt: id, Allocation: "alloc-" + string(id), Nonce: "n"}); err != nil {
		t.Fatal(err)
	}
}

func (f *site) report(t testing.TB, id core.AttemptID, status core.JobStatus) {
	t.Helper()
	if err := f.ReportAgents(context.Background(), []core.AgentReport{{Attempt: id, Status: status, At: time.Now()}}); err != nil {
		t.Fatal(err)
	}
}
