// SPDX-License-Identifier: MPL-2.0

package follow

import (
	"cmp"
	"context"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/muster-ci/muster/core"
)

const (
	// detailsPerPoll bounds how many jobs are asked for one by one in a poll, so
	// that a late reader of a huge pipeline sees the first ones soon.
	detailsPerPoll = 64
	// tasksPerCall bounds one question for steps.
	tasksPerCall = 500
	// reasonsEvery is how often the queue is asked why tasks wait.
	reasonsEvery = time.Second
	// settle is how long a created pipeline without workflows may stay so before
	// it counts as ended: its workflows may have been handed over a moment ago.
	settle = time.Second
)

// state is what the watch of a subject has learnt. What cannot change any more
// is kept and not asked for again.
type state struct {
	sources Sources
	clock   core.Clock
	what    subject
	news    <-chan []core.AttemptSteps // what output tells
	show    func(*View)                // takes views that news made during a poll
	polling bool                       // what is known is half of the last poll and half of this one
	missed  bool                       // a poll has to follow news that came during one

	pipeline  *core.Pipeline
	createdAt time.Time // when it was first seen to be created
	resting   bool      // all of its setup workflow had ended when it was looked at last
	abandoned bool      // and after that it had still not been continued
	workflows []core.Workflow
	listed    map[core.WorkflowID][]core.Job // the jobs of each workflow, as listed last
	jobs      map[core.JobID]*known
	reasoned  time.Time
	reasons   map[core.JobID]string
	last      *View
}

// known is what was learnt of one job beyond its place in the list.
type known struct {
	tasks    []core.Task
	attempts []core.AttemptSteps
	heads    map[stepKey][]byte // that came with news since the last poll
	final    bool
}

func newState(sources Sources, clock core.Clock, what subject, news <-chan []core.AttemptSteps, show func(*View)) *state {
	return &state{
		sources: sources, clock: clock, what: what, news: news, show: show, listed: map[core.WorkflowID][]core.Job{},
		jobs: map[core.JobID]*known{}, reasons: map[core.JobID]string{},
	}
}

// poll asks for everything that may have changed. Causes are read before their
// effects (workflow, job, steps): when a job is seen to have ended, the steps
// that are read after that are all there will ever be.
func (s *state) poll(ctx context.Context) (view *View, different bool, err error) {
	s.polling = true
	defer func() { s.polling = false }()
	if s.what.job != "" {
		err = s.readJob(ctx)
	} else {
		err = s.readPipeline(ctx)
	}
	if err != nil {
		return nil, false, err
	}
	if err := s.readTasks(ctx); err != nil {
		return nil, false, err
	}
	if err := s.readSteps(ctx); err != nil {
		return nil, false, err
	}
	s.readReasons(ctx)
	s.polling = false
	view, different = s.build()
	return view, different, nil
}

func (s *state) readJob(ctx context.Context) error {
	if s.jobFinal(s.what.job) {
		return nil
	}
	job, err := ask(s, func() (core.Job, error) { return s.sources.Jobs.Job(ctx, s.what.job) })
	if err != nil {
		return err
	}
	if k := s.known(job.ID); len(k.tasks) == 0 {
		k.tasks = job.Tasks
	}
	s.listed[job.Workflow] = []core.Job{job}
	s.workflows = []core.Workflow{{ID: job.Workflow}}
	return nil
}

func (s *state) readPipeline(ctx context.Context) error {
	if s.pipeline == nil || !s.pipeline.State.Ended() {
		p, err := ask(s, func() (core.Pipeline, error) { return s.sources.Pipelines.Pipeline(ctx, s.what.pipeline) })
		if err != nil {
			return err
		}
		s.pipeline = &p
		// What was at rest when this was asked can continue the pipeline no more.
		s.abandoned = s.resting && p.State == core.PipelineSetup
	}
	if s.pipeline.State != core.PipelineCreated && !s.pipeline.Setup {
		return nil
	}
	if s.createdAt.IsZero() && s.pipeline.State == core.PipelineCreated {
		s.createdAt = s.clock()
	}
	workflows, err := ask(s, func() ([]core.Workflow, error) { return s.sources.Workflows.PipelineWorkflows(ctx, s.what.pipeline) })
	if err != nil {
		return err
	}
	slices.Reverse(workflows)
	// Taken over together: news that come meanwhile make views, and one with a
	// workflow's end but without its jobs would be wrong.
	listed := maps.Clone(s.listed)
	for _, w := range workflows {
		if w.Status.Ended() && s.allFinal(w.ID) {
			continue
		}
		jobs, err := ask(s, func() ([]core.Job, error) { return s.sources.Jobs.WorkflowJobs(ctx, w.ID) })
		if err != nil {
			return err
		}
		listed[w.ID] = jobs
	}
	s.workflows, s.listed = workflows, listed
	return nil
}

// readTasks learns the tasks of jobs that have some.
func (s *state) readTasks(ctx context.Context) error {
	asked := 0
	for job := range s.each {
		k := s.known(job.ID)
		if len(k.tasks) > 0 || k.final || !hasTasks(job) || s.what.job != "" {
			continue
		}
		if asked++; asked > detailsPerPoll {
			return nil
		}
		full, err := ask(s, func() (core.Job, error) { return s.sources.Jobs.Job(ctx, job.ID) })
		if err != nil {
			return err
		}
		k.tasks = full.Tasks
		if job.Status.Ended() && len(full.Tasks) == 0 {
			k.final = true // canceled before it was queued
		}
	}
	return nil
}

// hasTasks tells whether a job can have got as far as having tasks.
func hasTasks(job core.Job) bool {
	switch job.Status {
	case core.JobBlocked, core.JobOnHold, core.JobNotRun, core.JobUnauthorized:
		return false
	default:
		return job.Type == core.JobBuild || job.Type == ""
	}
}

// readSteps asks for the steps of all tasks that may still do something, in as
// few calls as there can be.
func (s *state) readSteps(ctx context.Context) error {
	var jobs []core.Job
	var tasks []core.TaskID
	for job := range s.each {
		k := s.known(job.ID)
		switch {
		case k.final:
		case len(k.tasks) > 0:
			jobs = append(jobs, job)
			for _, task := range k.tasks {
				tasks = append(tasks, task.ID)
			}
		case job.Status.Ended() && (!hasTasks(job) || s.what.job != ""):
			k.final = true
		}
	}
	byTask := map[core.TaskID][]core.AttemptSteps{}
	for chunk := range slices.Chunk(tasks, tasksPerCall) {
		attempts, err := ask(s, func() ([]core.AttemptSteps, error) { return s.sources.Output.TaskSteps(ctx, chunk) })
		if err != nil {
			return err
		}
		for _, a := range attempts {
			byTask[a.Task] = append(byTask[a.Task], a)
		}
	}
	for _, job := range jobs {
		k := s.known(job.ID)
		k.heads = nil
		for _, task := range k.tasks {
			for _, a := range byTask[task.ID] {
				k.add(a) // unless news that came during the poll know more
			}
		}
		k.final = job.Status.Ended()
	}
	return nil
}

// readReasons asks why queued jobs wait that have done so for a moment; every
// job is queued for a blink. The reasons only explain, so that they cannot be
// had is no failure.
func (s *state) readReasons(ctx context.Context) {
	if s.sources.Queue == nil || s.clock().Sub(s.reasoned) < reasonsEvery {
		return
	}
	s.reasoned = s.clock()
	var jobs []core.JobID
	var tasks []core.TaskID
	for job := range s.each {
		waits := job.Status == core.JobQueued && (job.QueuedAt == nil || s.clock().Sub(*job.QueuedAt) > reasonsEvery)
		if k := s.known(job.ID); waits && len(k.tasks) > 0 && len(tasks) < tasksPerCall {
			jobs, tasks = append(jobs, job.ID), append(tasks, k.tasks[0].ID)
		}
	}
	if len(tasks) == 0 {
		clear(s.reasons)
		return
	}
	reasons, err := ask(s, func() ([]string, error) { return s.sources.Queue.Waiting(ctx, tasks) })
	clear(s.reasons)
	if err != nil || len(reasons) != len(jobs) {
		return
	}
	for i, id := range jobs {
		s.reasons[id] = reasons[i]
	}
}

// build makes the view of what is known and tells whether it differs from the
// last one.
func (s *state) build() (view *View, different bool) {
	view = s.view()
	view.Ended = view.Ended && !s.polling
	bare := view.bare()
	different = !reflect.DeepEqual(bare, s.last)
	s.last = bare
	return view, different
}

func (s *state) view() *View {
	v := &View{Pipeline: s.pipeline, Workflows: slices.Clone(s.workflows)}
	settled := true
	for _, w := range s.workflows {
		settled = settled && (s.what.job != "" || w.Status.Ended())
		for _, job := range s.listed[w.ID] {
			k := s.known(job.ID)
			if job.Reason == "" && job.Status == core.JobQueued {
				job.Reason = s.reasons[job.ID]
			}
			job.Tasks = k.tasks
			v.Jobs = append(v.Jobs, JobView{Job: job, WorkflowName: w.Name, Attempts: byIndex(k), Heads: maps.Clone(k.heads), Final: k.final})
			settled = settled && k.final
		}
	}
	switch {
	case s.what.job != "":
		v.Ended = settled && len(v.Jobs) > 0
	case s.pipeline.State == core.PipelineErrored:
		// The setup workflow of one whose continuation is broken still runs.
		v.Ended = settled
	case s.pipeline.State == core.PipelineCreated && len(s.workflows) == 0:
		v.Ended = s.pipeline.Canceled || s.clock().Sub(s.createdAt) > settle
	case s.pipeline.State == core.PipelineCreated:
		v.Ended = settled
	case s.pipeline.State == core.PipelineSetup:
		s.resting = settled && len(s.workflows) > 0
		v.Ended = s.resting && s.abandoned
	}
	return v
}

// byIndex orders attempts by task index, then number.
func byIndex(k *known) []core.AttemptSteps {
	index := map[core.TaskID]int{}
	for _, task := range k.tasks {
		index[task.ID] = task.Index
	}
	attempts := slices.Clone(k.attempts)
	slices.SortStableFunc(attempts, func(a, b core.AttemptSteps) int {
		return cmp.Or(cmp.Compare(index[a.Task], index[b.Task]), cmp.Compare(a.Number, b.Number))
	})
	return attempts
}

// starting tells whether a task is about to start, which is worth a close look;
// and if one is, whether all that are about to are known, so that news of their
// steps are understood.
func (s *state) starting() (begins, known bool) {
	if s.what.job == "" && (s.pipeline == nil || s.pipeline.State == core.PipelinePending || s.pipeline.State == core.PipelineSetupPending) {
		return true, false
	}
	known = true
	for job := range s.each {
		k := s.known(job.ID)
		switch {
		case job.Status == core.JobQueued:
			begins, known = true, known && len(k.tasks) > 0
		case job.Status == core.JobRunning && len(k.attempts) < len(k.tasks):
			begins = true
		}
	}
	// A created pipeline whose workflows are not there yet is about to have some.
	if len(s.workflows) == 0 {
		return s.pipeline != nil && s.pipeline.State == core.PipelineCreated, false
	}
	return begins, known
}

func (s *state) each(yield func(core.Job) bool) {
	for _, w := range s.workflows {
		for _, job := range s.listed[w.ID] {
			if !yield(job) {
				return
			}
		}
	}
}

func (s *state) known(id core.JobID) *known {
	k := s.jobs[id]
	if k == nil {
		k = &known{}
		s.jobs[id] = k
	}
	return k
}

func (s *state) jobFinal(id core.JobID) bool { return s.jobs[id] != nil && s.jobs[id].final }

func (s *state) allFinal(id core.WorkflowID) bool {
	jobs, ok := s.listed[id]
	if !ok {
		return false
	}
	return !slices.ContainsFunc(jobs, func(j core.Job) bool { return !j.Status.Ended() || !s.jobFinal(j.ID) })
}
