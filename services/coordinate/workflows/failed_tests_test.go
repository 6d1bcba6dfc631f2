// SPDX-License-Identifier: MPL-2.0

package workflows

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/core"
)

// fakeResults knows failed tests by job.
type fakeResults struct {
	known map[core.JobID]core.FailedTests
	asked []core.JobID
	err   error
}

func (f *fakeResults) FailedTests(_ context.Context, id core.JobID) (core.FailedTests, error) {
	f.asked = append(f.asked, id)
	return f.known[id], f.err
}

// failedPair makes the workflow "w": the four tasks of test and the one of lint
// have failed, two of those of test.
func failedPair(b *bench) (*fakeResults, core.JobID) {
	b.t.Helper()
	parallel := build("test")
	parallel.Parallelism = 4
	b.create(plan("w", parallel, build("lint"), build("deploy", after("test"))))
	b.deliver()
	test := b.job("w", "test").ID
	for i, status := range []core.JobStatus{core.JobSuccess, core.JobFailed, core.JobSuccess, core.JobFailed} {
		b.reportTask(taskID(test, i), 1, status)
	}
	b.report("w", "lint", core.JobRunning, core.JobFailed)
	b.deliver()
	b.wantStatuses("w", core.WorkflowFailed, "test=failed", "lint=failed", "deploy=not_run")
	r := &fakeResults{known: map[core.JobID]core.FailedTests{
		test: {Tests: []core.FailedTest{{File: "a_test.go", ClassName: "A"}, {ClassName: "B"}}, Indexes: []int{1, 3}},
	}}
	b.svc.results = r
	return r, test
}

// repeats are the tests that the first task of each job of "r" repeats.
func (b *bench) repeats(id core.WorkflowID, jobs ...string) map[string][]core.FailedTest {
	b.t.Helper()
	out := map[string][]core.FailedTest{}
	for _, name := range jobs {
		specs, err := b.svc.TaskSpecs(b.ctx, []core.TaskID{taskID(b.job(id, name).ID, 0)})
		if err != nil {
			b.t.Fatal(err)
		}
		out[name] = specs[0].FailedTests
	}
	return out
}

var failedRerun = core.Rerun{ID: "r", Workflow: "w", FromFailed: true, FailedTests: true}

func TestRerunOfFailedTests(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		r, test := failedPair(b)
		if _, err := b.svc.RerunWorkflow(b.ctx, failedRerun); err != nil {
			t.Fatal(err)
		}
		// lint has no test results: all of it is repeated.
		want := map[string][]core.FailedTest{"test": r.known[test].Tests, "lint": nil}
		if diff := cmp.Diff(want, b.repeats("r", "test", "lint")); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]core.JobID{test, b.job("w", "lint").ID}, r.asked); diff != "" {
			t.Errorf("asked for (-want +got):\n%s", diff)
		}
		// Again it is the same rerun, whatever results says by now.
		r.err = core.Errorf(core.CodeUnavailable, "results is away")
		if w, err := b.svc.RerunWorkflow(b.ctx, failedRerun); err != nil || w.ID != "r" {
			t.Errorf("the second call: got %+v, %v", w, err)
		}
		// A rerun from failed without the wish repeats all.
		if _, err := b.svc.RerunWorkflow(b.ctx, core.Rerun{ID: "all", Workflow: "w", FromFailed: true}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string][]core.FailedTest{"test": nil}, b.repeats("all", "test")); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// TestRerunOfAllTests: what would leave something out is not done.
func TestRerunOfAllTests(t *testing.T) {
	for name, change := range map[string]func(core.FailedTests) core.FailedTests{
		"a task failed for another reason": func(f core.FailedTests) core.FailedTests { f.Indexes = []int{3}; return f },
		"a test without names":             func(f core.FailedTests) core.FailedTests { f.Tests = append(f.Tests, core.FailedTest{}); return f },
		"no test failed":                   func(core.FailedTests) core.FailedTests { return core.FailedTests{} },
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, b *bench) {
				r, test := failedPair(b)
				r.known[test] = change(r.known[test])
				_, err := b.svc.RerunWorkflow(b.ctx, failedRerun)
				wantCode(t, err, core.CodeConflict) // there is no other job with failed tests
				r.known[b.job("w", "lint").ID] = core.FailedTests{Tests: []core.FailedTest{{File: "l"}}, Indexes: []int{0}}
				if _, err := b.svc.RerunWorkflow(b.ctx, failedRerun); err != nil {
					t.Fatal(err)
				}
				want := map[string][]core.FailedTest{"test": nil, "lint": {{File: "l"}}}
				if diff := cmp.Diff(want, b.repeats("r", "test", "lint")); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestRerunOfFailedTestsRefused(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		r, _ := failedPair(b)
		_, err := b.svc.RerunWorkflow(b.ctx, core.Rerun{ID: "r", Workflow: "w", FailedTests: true})
		wantCode(t, err, core.CodeInvalid)
		r.err = core.Errorf(core.CodeUnavailable, "results is away")
		_, err = b.svc.RerunWorkflow(b.ctx, failedRerun)
		wantCode(t, err, core.CodeUnavailable)
		b.svc.results = nil
		_, err = b.svc.RerunWorkflow(b.ctx, failedRerun)
		wantCode(t, err, core.CodeUnavailable)
	})
}
