// SPDX-License-Identifier: MPL-2.0

package follow

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/muster-ci/muster/core"
)

// still is a platform of one running job whose state never changes by asking;
// output tells of steps through a channel.
type still struct {
	core.Pipelines
	core.Workflows
	core.Jobs
	core.Output
	told  chan []core.AttemptSteps
	polls chan struct{}
}

func (s *still) Pipeline(context.Context, core.PipelineID) (core.Pipeline, error) {
	return core.Pipeline{ID: "p", State: core.PipelineCreated}, nil
}

func (s *still) PipelineWorkflows(context.Context, core.PipelineID) ([]core.Workflow, error) {
	return []core.Workflow{{ID: "w", Status: core.WorkflowRunning}}, nil
}

func (s *still) WorkflowJobs(context.Context, core.WorkflowID) ([]core.Job, error) {
	return []core.Job{{ID: "j", Workflow: "w", Pipeline: "p", Status: core.JobQueued, Type: core.JobBuild}}, nil
}

func (s *still) Job(context.Context, core.JobID) (core.Job, error) {
	return core.Job{ID: "j", Workflow: "w", Pipeline: "p", Status: core.JobQueued, Tasks: []core.Task{{ID: "t", Job: "j"}}}, nil
}

func (s *still) TaskSteps(context.Context, []core.TaskID) ([]core.AttemptSteps, error) {
	select {
	case s.polls <- struct{}{}:
	default:
	}
	return nil, core.Errorf(core.CodeUnavailable, "nobody asks here")
}

func (s *still) FollowSteps(ctx context.Context, id core.PipelineID, tell func([]core.AttemptSteps) error) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case changed := <-s.told:
			if err := tell(changed); err != nil {
				return err
			}
		}
	}
}

// TestStepsComeWithoutAsking has polls that never learn of a step.
func TestStepsComeWithoutAsking(t *testing.T) {
	t.Parallel()
	s := &still{told: make(chan []core.AttemptSteps), polls: make(chan struct{}, 1)}
	h := NewHub(Sources{Pipelines: s, Workflows: s, Jobs: s, Output: s}, time.Now, hclog.NewNullLogger())
	sub := h.Pipeline(t.Context(), "p")
	defer h.Wait()
	defer sub.Close()
	<-s.polls // the job and its task are known before output is asked
	for steps := range 3 {
		a := core.AttemptSteps{Task: "t", Attempt: "m-1", Number: 1, Status: core.JobRunning, Steps: make([]core.Step, steps)}
		s.told <- []core.AttemptSteps{a}
		for {
			select {
			case <-sub.Fresh():
			case <-time.After(20 * time.Second):
				t.Fatalf("%d steps were not shown", steps)
			}
			v, err := sub.View()
			if err != nil {
				t.Fatal(err)
			}
			if len(v.Jobs) == 1 && len(v.Jobs[0].Attempts) == 1 && len(v.Jobs[0].Attempts[0].Steps) == steps {
				break
			}
		}
	}
}

// TestNewsOnlyAdd takes what output tells as it is, but for what a poll knows
// better already.
func TestNewsOnlyAdd(t *testing.T) {
	t.Parallel()
	stopped := time.Now()
	running := core.AttemptSteps{Attempt: "m-1", Task: "t", Status: core.JobRunning, Steps: []core.Step{{Number: 0, Bytes: 5}}}
	further := core.AttemptSteps{Attempt: "m-1", Task: "t", Status: core.JobRunning, Steps: []core.Step{{Number: 0, Bytes: 5, StoppedAt: &stopped}, {Number: 1}}}
	k := &known{}
	for i, told := range []core.AttemptSteps{running, further, running} {
		k.add(told)
		want := min(i+1, 2)
		if len(k.attempts) != 1 || len(k.attempts[0].Steps) != want {
			t.Errorf("after news %d: %+v, want %d steps", i, k.attempts, want)
		}
	}
}

func TestNewsOfUnknownTasksAskForAPoll(t *testing.T) {
	t.Parallel()
	news := func(task core.TaskID, status core.JobStatus) []core.AttemptSteps {
		return []core.AttemptSteps{{Attempt: "m-1", Task: task, Status: status}}
	}
	for name, c := range map[string]struct {
		what     subject
		news     []core.AttemptSteps
		complete bool
	}{
		"a task not listed yet":      {subject{pipeline: "p"}, news("new", core.JobRunning), false},
		"another job's, of one job":  {subject{job: "j"}, news("new", core.JobRunning), true},
		"a known one":                {subject{pipeline: "p"}, news("t", core.JobRunning), true},
		"its end, which ends a job":  {subject{pipeline: "p"}, news("t", core.JobSuccess), false},
		"a pipeline not read so far": {subject{pipeline: "p"}, nil, true},
	} {
		s := newState(Sources{}, time.Now, c.what, nil, nil)
		s.known("j").tasks = []core.Task{{ID: "t"}}
		if c.news != nil {
			s.pipeline = &core.Pipeline{ID: "p"}
		}
		if _, _, complete := s.take(c.news); complete != c.complete {
			t.Errorf("%s: complete %t, want %t", name, complete, c.complete)
		}
	}
}

// TestNewsComeDuringAPoll has a poll that is not answered until the news of a
// step, and the first bytes of it, have arrived; nobody can read any others.
func TestNewsComeDuringAPoll(t *testing.T) {
	t.Parallel()
	s := &slow{still: still{told: make(chan []core.AttemptSteps), polls: make(chan struct{}, 1)}, answer: make(chan struct{})}
	h := NewHub(Sources{Pipelines: s, Workflows: s, Jobs: s, Output: s}, time.Now, hclog.NewNullLogger())
	ctx, cancel := context.WithCancel(t.Context())
	sub := h.Pipeline(ctx, "p")
	seen, ended := make(heard, 10), make(chan error, 1)
	go func() { ended <- h.Follow(ctx, sub, newCursor(), seen) }()
	<-s.polls
	<-s.polls // of the second, which is under way
	stopped := time.Now()
	s.told <- []core.AttemptSteps{{
		Task: "t", Attempt: "m-1", Number: 1, Status: core.JobRunning, Heads: map[int][]byte{0: []byte("one"), 1: []byte("two")},
		Steps: []core.Step{{Number: 0, Bytes: 3, StoppedAt: &stopped}, {Number: 1, Bytes: 3}},
	}}
	for _, want := range []string{"one", "two"} {
		select {
		case got := <-seen:
			if got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("%q did not arrive", want)
		}
	}
	close(s.answer)
	cancel()
	<-ended
	sub.Close()
	h.Wait()
}

// slow answers no question for steps after the first before it may.
type slow struct {
	still
	answer chan struct{}
	asked  bool
}

func (s *slow) TaskSteps(ctx context.Context, _ []core.TaskID) ([]core.AttemptSteps, error) {
	s.polls <- struct{}{}
	if s.asked {
		<-s.answer
	}
	s.asked = true
	return nil, nil
}

func (s *slow) ReadOutput(ctx context.Context, _ core.OutputRange) (io.ReadCloser, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// heard is a sink of output alone.
type heard chan string

func (heard) Beat() error { return nil }

func (h heard) Send(e Event) error {
	if e.Output != nil {
		h <- string(e.Output.Data)
	}
	return nil
}

// TestAHeadIsToldOnce has a reading that brings what a head has brought, and
// more.
func TestAHeadIsToldOnce(t *testing.T) {
	t.Parallel()
	seen, key := make(heard, 10), stepKey{"m-1", 0}
	f := &follower{cursor: newCursor(), sink: seen, steps: map[stepKey]*stepProgress{}}
	p := f.resume(Place{Attempt: key.attempt}, key)
	p.begun = true
	for _, c := range []struct {
		head, chunk string
		at          int64
		want        string
	}{
		{head: "abc", want: "abc"},
		{chunk: "ab", at: 0},
		{chunk: "cdé"[:3], at: 2, want: "d"}, // ends inside of a character
		{head: "abcdé", want: "é"},
		{chunk: "éf", at: 4, want: "f"},
	} {
		if c.head != "" {
			p.hold([]byte(c.head))
			if err := f.tellHeld(p, key); err != nil {
				t.Fatal(err)
			}
		} else if err := f.take(chunk{key: key, at: c.at, data: []byte(c.chunk)}); err != nil {
			t.Fatal(err)
		}
		got := ""
		if len(seen) > 0 {
			got = <-seen
		}
		if got != c.want {
			t.Errorf("%+v: told %q", c, got)
		}
	}
}
