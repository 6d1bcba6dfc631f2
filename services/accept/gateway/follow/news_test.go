// SPDX-License-Identifier: MPL-2.0

package follow

import (
	"context"
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
		s := newState(Sources{}, time.Now, c.what)
		s.known("j").tasks = []core.Task{{ID: "t"}}
		if c.news != nil {
			s.pipeline = &core.Pipeline{ID: "p"}
		}
		if _, _, complete := s.take(c.news); complete != c.complete {
			t.Errorf("%s: complete %t, want %t", name, complete, c.complete)
		}
	}
}
