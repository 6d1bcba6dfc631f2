// SPDX-License-Identifier: MPL-2.0

package placements

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/store/storetest"
	"github.com/muster-ci/muster/services/dispatch/placements/cluster"
)

// TestLife follows an attempt from Place to purge on both databases.
func TestLife(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "placements", func(t *testing.T, open func() *store.DB) {
		f := fakes().start(t, quick(), open())
		id := f.placed(t)
		f.place(t, id) // again: nothing happens
		f.cluster.Start(id)
		got, err := f.Claim(context.Background(), core.Claim{Attempt: id, Allocation: "alloc-" + string(id), Nonce: "n"})
		if err != nil {
			t.Fatal(err)
		}
		want := []core.EnvVar{{Name: "TOKEN", Value: "secret"}}
		if diff := cmp.Diff(want, got.Secrets); diff != "" || got.Spec.Number != 7 || got.Attempt.Number != 1 || got.TimeLimit != 5*time.Hour {
			t.Errorf("claimed %+v (secrets -want +got):\n%s", got, diff)
		}
		f.report(t, id, core.JobRunning)
		f.report(t, id, core.JobRunning)
		f.report(t, id, core.JobSuccess)
		f.report(t, id, core.JobFailed) // too late
		if got := f.final(t, id); got.Status != core.JobSuccess {
			t.Errorf("ended as %+v, want success", got)
		}
		f.cleared(t, id)
		if n := f.cluster.Submitted(id); n != 1 {
			t.Errorf("submitted %d times, want once", n)
		}
		if _, ok := f.peers.closed[id]; ok {
			t.Error("output was told of an end that it told itself")
		}
		if n, err := f.deps.DB.NewSelect().Model((*spec)(nil)).Count(context.Background()); err != nil || n != 0 {
			t.Errorf("%d specs are kept after the end (%v), want none", n, err)
		}
	})
}

// TestSetupTasksGetTheKey: the variable of the task wins over one of the project.
func TestSetupTasksGetTheKey(t *testing.T) {
	t.Parallel()
	f := fakes()
	f.peers.setup = true
	f = f.start(t, quick(), storetest.Open(t, "placements"))
	id := f.placed(t)
	f.cluster.Start(id)
	got, err := f.Claim(t.Context(), core.Claim{Attempt: id, Allocation: "alloc-" + string(id), Nonce: "n"})
	if err != nil {
		t.Fatal(err)
	}
	want := []core.EnvVar{{Name: "TOKEN", Value: "secret"}, {Name: "CIRCLE_CONTINUATION_KEY", Value: "key of pipeline"}}
	if diff := cmp.Diff(want, got.Secrets); diff != "" {
		t.Errorf("secrets (-want +got):\n%s", diff)
	}
}

func TestClaimRefusals(t *testing.T) {
	t.Parallel()
	f := fakes().start(t, quick(), storetest.Open(t, "placements"))
	open, taken, ended, stopped := f.placed(t), f.placed(t), f.placed(t), f.placed(t)
	f.claim(t, taken)
	f.claim(t, ended)
	f.report(t, ended, core.JobFailed)
	f.cluster.Start(stopped)
	if err := f.StopAttempts(t.Context(), []core.AttemptID{stopped}); err != nil {
		t.Fatal(err)
	}
	alloc := func(id core.AttemptID) string { return "alloc-" + string(id) }
	tests := []struct {
		name  string
		claim core.Claim
		want  core.Code
	}{
		{"no allocation yet", core.Claim{Attempt: open, Allocation: alloc(open), Nonce: "n"}, core.CodeNotFound},
		{"unknown attempt", core.Claim{Attempt: core.NewAttemptID(), Allocation: "a", Nonce: "n"}, core.CodeNotFound},
		{"allocation of another attempt", core.Claim{Attempt: taken, Allocation: alloc(open), Nonce: "n"}, core.CodeForbidden},
		{"another process", core.Claim{Attempt: taken, Allocation: alloc(taken), Nonce: "other"}, core.CodeConflict},
		{"the same process again", core.Claim{Attempt: taken, Allocation: alloc(taken), Nonce: "n"}, ""},
		{"ended", core.Claim{Attempt: ended, Allocation: alloc(ended), Nonce: "n"}, core.CodeConflict},
		{"stopped", core.Claim{Attempt: stopped, Allocation: alloc(stopped), Nonce: "n"}, core.CodeConflict},
		{"no nonce", core.Claim{Attempt: taken, Allocation: alloc(taken)}, core.CodeInvalid},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := f.Claim(t.Context(), tt.claim); core.ErrorCode(err) != tt.want {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	f.cluster.Start(open)
	if _, err := f.Claim(t.Context(), core.Claim{Attempt: open, Allocation: alloc(taken), Nonce: "n"}); core.ErrorCode(err) != core.CodeForbidden {
		t.Errorf("a foreign allocation got %v, want forbidden", err)
	}
}

// TestUnfitAgents: an agent that output cannot serve ends the attempt with the
// reason, if it is the attempt's at all.
func TestUnfitAgents(t *testing.T) {
	t.Parallel()
	f := fakes().start(t, quick(), storetest.Open(t, "placements"))
	id := f.placed(t)
	f.cluster.Start(id)
	f.until(t, "the node to be known", func() bool { return f.row(t, id).Node != "" })
	stranger := core.Claim{Attempt: id, Allocation: "another", Nonce: "n", Unfit: "the agent is too old"}
	if _, err := f.Claim(t.Context(), stranger); core.ErrorCode(err) != core.CodeForbidden {
		t.Errorf("a foreign allocation: got %v, want forbidden", err)
	}
	own := stranger
	own.Allocation = "alloc-" + string(id)
	if _, err := f.Claim(t.Context(), own); core.ErrorCode(err) != core.CodeConflict || core.ErrorMessage(err) != own.Unfit {
		t.Errorf("got %v, want a conflict with the reason", err)
	}
	got := f.final(t, id)
	if want := "node node1 cannot run the job: the agent is too old"; got.Status != core.JobInfrastructureFail || !got.Retryable || got.Reason != want {
		t.Errorf("ended as %+v, want %q and another try", got, want)
	}
	f.cleared(t, id)
}

// TestClaimWaitsForServices has an agent that is up before the containers
// beside it. Whether the news of them comes or is lost, it gets its work once
// they are there.
func TestClaimWaitsForServices(t *testing.T) {
	t.Parallel()
	f := fakes()
	f.peers.images = []core.DockerImage{{Image: "primary"}, {Image: "service"}}
	cfg := quick()
	cfg.Relist = time.Hour
	f = f.start(t, cfg, storetest.Open(t, "placements"))
	for _, quiet := range []bool{false, true} {
		id := f.placed(t)
		claim := core.Claim{Attempt: id, Allocation: "alloc-" + string(id), Nonce: "n"}
		f.cluster.Set(id, quiet, func(a *cluster.Allocation) { a.ID = claim.Allocation })
		if _, err := f.Claim(t.Context(), claim); core.ErrorCode(err) != core.CodeUnavailable {
			t.Fatalf("before the services: got %v, want unavailable", err)
		}
		if f.row(t, id).claimed() {
			t.Error("the refused claim was kept")
		}
		f.cluster.Set(id, quiet, func(a *cluster.Allocation) { a.State = cluster.Running })
		for range 2 { // the same process may ask again
			if _, err := f.Claim(t.Context(), claim); err != nil {
				t.Errorf("with the services: got %v, want the work", err)
			}
		}
	}
}

// TestEndingsWithoutAgent has the cluster end attempts for which no agent
// speaks.
func TestEndingsWithoutAgent(t *testing.T) {
	t.Parallel()
	f := fakes().start(t, quick(), storetest.Open(t, "placements"))
	tests := []struct {
		name      string
		kind      cluster.Kind
		claimed   bool
		retryable bool
		want      string
	}{
		{"image", cluster.Image, false, false, "an image of the job cannot be pulled: because"},
		{"memory", cluster.Memory, true, false, "more than its 4096 MiB (resource class medium); choose a larger one"},
		{"lost", cluster.Lost, true, true, "node node1 was lost: because"},
		{"start", cluster.Start, false, true, "could not be started"},
		{"killed", cluster.Killed, true, true, "stopped from outside on node node1: because"},
		{"silent", cluster.None, true, true, "ended without a result: because"},
		{"never claimed", cluster.None, false, true, "ended before it had its work: because"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			id := f.placed(t)
			if tt.claimed {
				f.claim(t, id)
			} else {
				f.cluster.Start(id)
			}
			f.cluster.End(id, tt.kind, "because")
			got := f.final(t, id)
			if got.Status != core.JobInfrastructureFail || got.Retryable != tt.retryable || !strings.Contains(got.Reason, tt.want) {
				t.Errorf("ended as %+v, want infrastructure_fail, retryable %t, with %q", got, tt.retryable, tt.want)
			}
			f.cleared(t, id)
			f.until(t, "output to be told", func() bool {
				f.peers.mu.Lock()
				defer f.peers.mu.Unlock()
				return f.peers.closed[id].Status == core.JobInfrastructureFail
			})
		})
	}
}

// TestAgentSpeaksLast lets the word of an agent arrive after the end of its
// allocation was seen: it counts.
func TestAgentSpeaksLast(t *testing.T) {
	t.Parallel()
	cfg := quick()
	cfg.AgentGrace = time.Minute
	f := fakes().start(t, cfg, storetest.Open(t, "placements"))
	id := f.placed(t)
	f.claim(t, id)
	f.cluster.End(id, cluster.None, "exit status 0")
	f.until(t, "the end to be seen", func() bool { return !f.row(t, id).GoneAt.IsZero() })
	f.report(t, id, core.JobFailed)
	if got := f.final(t, id); got.Status != core.JobFailed {
		t.Errorf("ended as %+v, want the agent's failed", got)
	}
}

func (f *site) row(t testing.TB, id core.AttemptID) *attempt {
	t.Helper()
	a := &attempt{}
	if err := f.deps.DB.NewSelect().Model(a).Where("id = ?", string(id)).Scan(context.Background()); err != nil {
		t.Fatal(err)
	}
	return a
}

func (f *site) halt(t *testing.T, id core.AttemptID) {
	t.Helper()
	for range 2 {
		if err := f.StopAttempts(t.Context(), []core.AttemptID{id}); err != nil {
			t.Fatal(err)
		}
	}
}

func (f *site) canceled(t *testing.T, id core.AttemptID) {
	t.Helper()
	if got := f.final(t, id); got.Status != core.JobCanceled || got.Retryable {
		t.Errorf("ended as %+v, want canceled", got)
	}
	f.cleared(t, id)
}

func TestStopWithoutAgent(t *testing.T) {
	t.Parallel()
	f := fakes().start(t, quick(), storetest.Open(t, "placements"))
	t.Run("before Place", func(t *testing.T) {
		t.Parallel()
		id := core.NewAttemptID()
		f.halt(t, id)
		f.place(t, id)
		f.canceled(t, id)
		if n := f.cluster.Submitted(id); n != 0 {
			t.Errorf("submitted %d times, want never", n)
		}
	})
	t.Run("while it waits", func(t *testing.T) {
		t.Parallel()
		id := f.placed(t)
		f.halt(t, id)
		f.canceled(t, id)
	})
}

func TestStopWithAgent(t *testing.T) {
	t.Parallel()
	f := fakes().start(t, quick(), storetest.Open(t, "placements"))
	t.Run("deaf", func(t *testing.T) {
		t.Parallel()
		id := f.placed(t)
		f.claim(t, id)
		f.halt(t, id)
		f.until(t, "the agent to be asked", func() bool {
			f.peers.mu.Lock()
			defer f.peers.mu.Unlock()
			return f.peers.stops[id]
		})
		f.canceled(t, id)
	})
	t.Run("just finished", func(t *testing.T) {
		t.Parallel()
		id := f.placed(t)
		f.claim(t, id)
		f.report(t, id, core.JobSuccess)
		f.halt(t, id)
		if got := f.final(t, id); got.Status != core.JobSuccess {
			t.Errorf("ended as %+v, want success", got)
		}
	})
	t.Run("gone without a word", func(t *testing.T) {
		t.Parallel()
		id := f.placed(t)
		f.claim(t, id)
		f.halt(t, id)
		f.cluster.End(id, cluster.Lost, "power")
		f.canceled(t, id)
	})
}

func TestWaitsAndRefusals(t *testing.T) {
	t.Parallel()
	f := fakes().start(t, quick(), storetest.Open(t, "placements"))
	id := f.placed(t)
	f.cluster.Set(id, false, func(a *cluster.Allocation) { a.Reason = "no nodes were eligible" })
	f.until(t, "the reason to be told", func() bool {
		said := f.peers.with(id, func(r core.AttemptReport) bool { return r.Status == core.JobQueued })
		return len(said) == 1 && said[0].Reason == "no nodes were eligible"
	})

	refused := core.NewAttemptID()
	f.cluster.FailWith(func(call string, of core.AttemptID) error {
		if call == "submit" && of == refused {
			return &cluster.Refusal{Reason: "start dockerd"}
		}
		return nil
	})
	f.place(t, refused)
	if got := f.final(t, refused); got.Status != core.JobInfrastructureFail || got.Retryable || got.Reason != "start dockerd" {
		t.Errorf("a refused attempt ended as %+v, want infrastructure_fail with the reason and no retry", got)
	}
	unknown := core.NewAttemptID()
	if err := f.Place(t.Context(), []core.Attempt{{ID: unknown, Task: "unknown", Number: 1, Executor: core.ExecutorDocker}}); err != nil {
		t.Fatal(err)
	}
	if got := f.final(t, unknown); got.Status != core.JobInfrastructureFail || got.Retryable {
		t.Errorf("an attempt of an unknown task ended as %+v, want infrastructure_fail without retry", got)
	}
}

// TestOrphansAndLosses lets rows and cluster disagree.
func TestOrphansAndLosses(t *testing.T) {
	t.Parallel()
	f := fakes()
	old, young := core.NewAttemptID(), core.NewAttemptID()
	f.cluster.Set(old, true, func(a *cluster.Allocation) { a.State, a.Created = cluster.Running, time.Now().Add(-2*time.Hour) })
	f.cluster.Set(young, true, func(a *cluster.Allocation) { a.State = cluster.Running })
	f = f.start(t, quick(), storetest.Open(t, "placements"))
	f.cleared(t, old)
	id := f.placed(t)
	f.claim(t, id)
	f.cluster.Lose(id)
	if got := f.final(t, id); got.Status != core.JobInfrastructureFail || !got.Retryable {
		t.Errorf("a vanished run ended as %+v, want infrastructure_fail with retry", got)
	}
	if f.cluster.Stopped(young) != 0 {
		t.Error("a young run without a row was stopped, want it left alone")
	}
}

// TestLateSubmission has a run appear after its attempt was ended and removed,
// as when the process that submitted it had been held up.
func TestLateSubmission(t *testing.T) {
	t.Parallel()
	for _, state := range []cluster.State{cluster.Running, cluster.Ended} {
		f := fakes().start(t, quick(), storetest.Open(t, "placements"))
		id := f.placed(t)
		if err := f.StopAttempts(t.Context(), []core.AttemptID{id}); err != nil {
			t.Fatal(err)
		}
		f.final(t, id)
		f.cleared(t, id)
		f.cluster.Set(id, true, func(a *cluster.Allocation) { a.State = state })
		f.cleared(t, id)
	}
}

// TestAgentNeverAsks ends a run that is there and silent.
func TestAgentNeverAsks(t *testing.T) {
	t.Parallel()
	cfg := quick()
	cfg.ClaimTimeout = time.Second
	f := fakes().start(t, cfg, storetest.Open(t, "placements"))
	id := f.placed(t)
	f.cluster.Start(id)
	got := f.final(t, id)
	if got.Status != core.JobInfrastructureFail || !got.Retryable || !strings.Contains(got.Reason, "8585") {
		t.Errorf("ended as %+v, want infrastructure_fail that names port 8585", got)
	}
	f.cleared(t, id)
}

// TestTimeLimitWithoutTheAgent: the agent is told the project's limit, and when it
// does not keep it the run is stopped and has timed out, for good.
func TestTimeLimitWithoutTheAgent(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "placements", func(t *testing.T, open func() *store.DB) {
		cfg := quick()
		cfg.LimitSlack = 300 * time.Millisecond
		f := fakes()
		f.peers.limit = 200 * time.Millisecond
		f = f.start(t, cfg, open())
		id := f.placed(t)
		f.cluster.Start(id)
		claim := core.Claim{Attempt: id, Allocation: "alloc-" + string(id), Nonce: "n"}
		for range 2 {
			if got, err := f.Claim(context.Background(), claim); err != nil || got.TimeLimit != f.peers.limit {
				t.Fatalf("the limit is %s (%v), want %s", got.TimeLimit, err, f.peers.limit)
			}
		}
		f.report(t, id, core.JobRunning)
		got := f.final(t, id)
		if got.Status != core.JobTimedOut || got.Retryable || !strings.Contains(got.Reason, "limit of 200ms") {
			t.Errorf("ended as %+v, want timedout for good, with the limit", got)
		}
		f.cleared(t, id)
		f.until(t, "output to hear of it", func() bool {
			f.peers.mu.Lock()
			defer f.peers.mu.Unlock()
			return f.peers.closed[id].Status == core.JobTimedOut
		})
	})
}
