// SPDX-License-Identifier: MPL-2.0

package gatewaytest

import (
	"fmt"
	"slices"
	"time"

	"github.com/muster-ci/muster/core"
)

// JobScript is one job of a pipeline.
type JobScript struct {
	Name     string
	Requires []string
	Approval bool
	Parallel int
	Steps    []StepScript
	// Stays keeps the job running after its last step until it is canceled.
	Stays bool
	// Lost is why the first attempt of each task ends before its first step has;
	// the second one plays the steps. Without it the first one does.
	Lost string
	// Serial has the serial group that the job needs.
	Serial *core.SerialClaim
}

// StepScript is one step of a job.
type StepScript struct {
	Name, Output string
	ExitCode     int
}

// AddWorkflow gives a pipeline a workflow whose jobs a test moves itself.
func (p *Platform) AddWorkflow(id core.PipelineID, name string, script ...JobScript) core.Workflow {
	defer p.lock("AddWorkflow")()
	known := p.find(id)
	known.State = core.PipelineCreated
	return p.addWorkflow(known, name, script).Workflow
}

func (p *Platform) addWorkflow(known *pipeline, name string, script []JobScript) *workflow {
	w := &workflow{Workflow: core.Workflow{
		ID: core.WorkflowID(p.id()), Name: name, Pipeline: known.ID, PipelineNumber: known.Number, Project: known.Project,
		ProjectSlug: p.projects[known.Project].Slug(), Status: core.WorkflowRunning, StartedBy: known.Trigger.Actor.ID, CreatedAt: time.Now().UTC(),
	}}
	ids := map[string]core.JobID{}
	for _, s := range script {
		j := &job{requires: s.Requires, script: s, Job: core.Job{
			ID: core.JobID(p.id()), Workflow: w.ID, Pipeline: known.ID, Project: known.Project, Name: s.Name,
			Type: core.JobBuild, Status: core.JobBlocked, Parallelism: max(s.Parallel, 1), Executor: core.ExecutorMachine,
			ResourceClass: "small", CreatedAt: time.Now().UTC(),
		}}
		if s.Serial != nil {
			j.SerialGroup, j.SerialHolder = s.Serial.Key, s.Serial
		}
		if s.Approval {
			j.Type, j.ApprovalRequest = core.JobApproval, p.id()
		}
		ids[s.Name] = j.ID
		for _, name := range s.Requires {
			j.Dependencies = append(j.Dependencies, ids[name])
		}
		w.jobs = append(w.jobs, j)
		p.jobs[j.ID] = j
	}
	known.workflows = append(known.workflows, w)
	return w
}

// JobNamed returns a job of a workflow.
func (p *Platform) JobNamed(w core.WorkflowID, name string) core.Job {
	defer p.lock("JobNamed")()
	known, err := p.workflow(w)
	if err != nil {
		return core.Job{}
	}
	for _, j := range known.jobs {
		if j.Name == name {
			return j.Job
		}
	}
	return core.Job{}
}

// QueueJob gives a job a number and tasks.
func (p *Platform) QueueJob(id core.JobID) {
	defer p.lock("QueueJob")()
	p.queue(p.jobs[id])
}

func (p *Platform) queue(j *job) {
	now := time.Now().UTC()
	p.numbers++
	j.Status, j.Number, j.QueuedAt = core.JobQueued, p.numbers, &now
	for i := range j.Parallelism {
		j.Tasks = append(j.Tasks, core.Task{ID: core.TaskID(p.id()), Job: j.ID, Index: i, Status: core.JobQueued})
	}
}

// StartTask begins an attempt of a task; the job runs.
func (p *Platform) StartTask(id core.JobID, index int) core.AttemptID {
	defer p.lock("StartTask")()
	return p.startTask(p.jobs[id], index)
}

func (p *Platform) startTask(j *job, index int) core.AttemptID {
	now := time.Now().UTC()
	j.Status = core.JobRunning
	if j.StartedAt == nil {
		j.StartedAt = &now
	}
	j.Tasks[index].Status = core.JobRunning
	j.Tasks[index].Attempt++
	a := &attempt{AttemptSteps: core.AttemptSteps{
		Task: j.Tasks[index].ID, Attempt: core.AttemptID(fmt.Sprintf("m-%026d", len(p.attempts))),
		Number: j.Tasks[index].Attempt, Status: core.JobRunning,
	}}
	p.attempts[a.Attempt] = a
	return a.Attempt
}

// StartStep begins the next step of an attempt.
func (p *Platform) StartStep(id core.AttemptID, name string) int {
	defer p.lock("StartStep")()
	a := p.attempts[id]
	a.Steps = append(a.Steps, core.Step{
		Number: len(a.Steps), Name: name, Kind: "run", Command: name, Status: core.StepRunning, StartedAt: time.Now().UTC(),
	})
	a.output = append(a.output, nil)
	return len(a.Steps) - 1
}

// Write adds output to a step.
func (p *Platform) Write(id core.AttemptID, step int, text string) {
	defer p.lock("Write")()
	a := p.attempts[id]
	a.output[step] = append(a.output[step], text...)
	a.Steps[step].Bytes = int64(len(a.output[step]))
}

// EndStep ends a step with an exit code.
func (p *Platform) EndStep(id core.AttemptID, step, code int) {
	defer p.lock("EndStep")()
	now := time.Now().UTC()
	s := &p.attempts[id].Steps[step]
	s.Status, s.ExitCode, s.StoppedAt = core.StepSuccess, &code, &now
	if code != 0 {
		s.Status = core.StepFailed
	}
}

// EndJob ends a job with its tasks.
func (p *Platform) EndJob(id core.JobID, status core.JobStatus) {
	defer p.lock("EndJob")()
	p.end(p.jobs[id], status)
}

// end ends a job, and its workflow with the last one.
func (p *Platform) end(j *job, status core.JobStatus) {
	if j.Status.Ended() {
		return
	}
	now := time.Now().UTC()
	j.Status, j.StoppedAt = status, &now
	for i := range j.Tasks {
		j.Tasks[i].Status = status
		for _, a := range p.attempts {
			if a.Task == j.Tasks[i].ID && !a.Status.Ended() {
				a.Status = status
			}
		}
	}
	w, err := p.workflow(j.Workflow)
	if err != nil || slices.ContainsFunc(w.jobs, func(j *job) bool { return !j.Status.Ended() }) {
		return
	}
	w.Status, w.StoppedAt = core.WorkflowSuccess, &now
	for _, j := range w.jobs {
		switch {
		case j.Status == core.JobCanceled:
			w.Status = core.WorkflowCanceled
		case j.Status != core.JobSuccess && w.Status == core.WorkflowSuccess:
			w.Status = core.WorkflowFailed
		}
	}
}

// Play waits until all scripts have been played.
func (p *Platform) Play() { p.playing.Wait() }

// play runs the jobs of a workflow one after the other, in their order.
func (p *Platform) play(w *workflow) {
	for _, j := range w.jobs {
		if p.await(w, j) {
			p.playJob(j)
		}
	}
}

// await tells whether the job's turn came; it waits for what it requires.
func (p *Platform) await(w *workflow, j *job) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.changed.Broadcast()
	for {
		met, broken := true, false
		for _, other := range w.jobs {
			if slices.Contains(j.requires, other.Name) {
				met = met && other.Status == core.JobSuccess
				broken = broken || other.Status.Ended() && other.Status != core.JobSuccess
			}
		}
		switch {
		case j.Status.Ended():
			return false
		case broken:
			p.end(j, core.JobNotRun)
			return false
		case met && j.Type == core.JobApproval:
			j.Status = core.JobOnHold
			p.changed.Broadcast()
			for !j.Status.Ended() {
				p.changed.Wait()
			}
			return false
		case met:
			p.queue(j)
			return true
		}
		p.changed.Wait()
	}
}

// lose ends an attempt in its first step, as the loss of its node does.
func (p *Platform) lose(id core.AttemptID, script JobScript) {
	step := p.StartStep(id, script.Steps[0].Name)
	p.Write(id, step, script.Steps[0].Output)
	defer p.lock("lose")()
	now := time.Now().UTC()
	a := p.attempts[id]
	a.Status, a.Reason = core.JobInfrastructureFail, script.Lost
	a.Steps[step].Status, a.Steps[step].StoppedAt = core.StepLost, &now
}

func (p *Platform) playJob(j *job) {
	status := core.JobSuccess
	for index := range j.Parallelism {
		if j.script.Lost != "" {
			p.lose(p.StartTask(j.ID, index), j.script)
		}
		attempt := p.StartTask(j.ID, index)
		for _, s := range j.script.Steps {
			step := p.StartStep(attempt, s.Name)
			p.Write(attempt, step, s.Output)
			p.EndStep(attempt, step, s.ExitCode)
			if s.ExitCode != 0 {
				status = core.JobFailed
				break
			}
		}
	}
	if j.script.Stays {
		p.mu.Lock()
		defer p.mu.Unlock()
		for !j.Status.Ended() {
			p.changed.Wait()
		}
		return
	}
	p.EndJob(j.ID, status)
}
