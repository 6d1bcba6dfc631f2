// SPDX-License-Identifier: MPL-2.0

package terminal

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/muster-ci/muster/internal/api"
	"github.com/muster-ci/muster/internal/client"
)

// maxHeld is the most bytes of an unfinished line that are held back.
const maxHeld = 16 << 10

// Follower shows the events of a pipeline or a job as they come. Lines of
// output carry the name of their job while several run.
type Follower struct {
	out   io.Writer
	style Style
	// Hint tells how to approve a job that waits for it; may be nil.
	Hint func(job api.JobEvent) string

	jobs   map[string]*api.JobEvent
	order  []string // ids of jobs as they came
	steps  map[stepKey]*stepState
	told   map[string]string // what was said last of each job
	start  time.Time
	status string
}

type stepKey struct {
	attempt string
	step    int
}

type stepState struct {
	job  string
	task int
	held []byte
}

// NewFollower shows events on out.
func NewFollower(out io.Writer, style Style) *Follower {
	return &Follower{
		out: out, style: style, jobs: map[string]*api.JobEvent{}, steps: map[stepKey]*stepState{},
		told: map[string]string{}, start: time.Now(),
	}
}

// Status returns the final status, "" before the end.
func (f *Follower) Status() string { return f.status }

// Show shows one event.
func (f *Follower) Show(e client.Event) error {
	switch {
	case e.Pipeline != nil:
		f.pipeline(e.Pipeline)
	case e.Job != nil:
		f.job(e.Job)
	case e.Step != nil:
		f.step(e.Step)
	case e.Output != nil:
		f.output(e.Output)
	case e.End != nil:
		f.status = e.End.Status
	}
	return nil
}

func (f *Follower) say(format string, args ...any) { fmt.Fprintf(f.out, format+"\n", args...) }

func (f *Follower) pipeline(p *api.Pipeline) {
	for _, e := range p.Errors {
		f.say("%s %s", f.style.Status("errored"), Plain(e.Message))
	}
	for _, e := range p.Warnings {
		f.say("%s %s", f.style.Bold("warning"), Plain(e.Message))
	}
}

// job says what changed for a job, once.
func (f *Follower) job(j *api.JobEvent) {
	if f.jobs[j.ID] == nil {
		f.order = append(f.order, j.ID)
	}
	f.jobs[j.ID] = j
	line := f.jobLine(j)
	if line == "" || f.told[j.ID] == line {
		return
	}
	f.told[j.ID] = line
	f.say("%s", line)
}

func (f *Follower) jobLine(j *api.JobEvent) string {
	name := f.style.Bold(title(j))
	switch j.Status {
	case "blocked":
		return ""
	case "queued":
		if j.Reason == "" {
			return ""
		}
		return name + " waits: " + Plain(j.Reason)
	case "on_hold":
		line := name + " waits for approval"
		if f.Hint != nil {
			line += ": " + f.Hint(*j)
		}
		return line
	case "running":
		return name + " runs"
	}
	line := name + " " + f.style.Status(j.Status)
	if took := Between(j.StartedAt, j.StoppedAt); took != "" && j.StoppedAt != nil {
		line += " " + f.style.Dim("in "+took)
	}
	if j.Reason != "" {
		line += ": " + Plain(j.Reason)
	}
	return line
}

// title names a job with its number, when it has one.
func title(j *api.JobEvent) string {
	if j.JobNumber == 0 {
		return Plain(j.Name)
	}
	return Plain(j.Name) + " #" + strconv.FormatInt(j.JobNumber, 10)
}

// step shows a heading when a step begins and how it ended.
func (f *Follower) step(e *api.StepEvent) {
	key := stepKey{e.AttemptID, e.Number}
	if e.Status == "running" {
		f.steps[key] = &stepState{job: e.JobID, task: e.TaskIndex}
		heading := "== " + FirstLine(e.Name)
		if e.Number == 0 && e.Attempt > 1 {
			heading += fmt.Sprintf(" (attempt %d)", e.Attempt)
		}
		f.line(f.steps[key], f.style.Cyan(heading))
		return
	}
	s := f.steps[key]
	if s == nil {
		s = &stepState{job: e.JobID, task: e.TaskIndex}
	}
	if len(s.held) > 0 {
		f.outputLine(s, s.held)
	}
	delete(f.steps, key)
	f.line(s, f.ending(e))
}

func (f *Follower) ending(e *api.StepEvent) string {
	took := Between(&e.StartedAt, e.StoppedAt)
	if e.Status == "success" {
		return f.style.Dim("   ok " + took)
	}
	text := "   " + f.style.Status(e.Status)
	if e.ExitCode != nil {
		text += fmt.Sprintf(", exit code %d", *e.ExitCode)
	}
	if e.Error != "" {
		text += ": " + Plain(e.Error)
	}
	if e.Truncated {
		text += " (output was truncated)"
	}
	return text + f.style.Dim(" after "+took)
}

// output shows whole lines; the rest waits for its end.
func (f *Follower) output(o *api.OutputEvent) {
	key := stepKey{o.AttemptID, o.Step}
	s := f.steps[key]
	if s == nil {
		s = &stepState{job: o.JobID, task: o.TaskIndex}
		f.steps[key] = s
	}
	s.held = append(s.held, o.Bytes()...)
	for {
		i := bytes.IndexByte(s.held, '\n')
		if i < 0 && len(s.held) > maxHeld {
			i = len(s.held) - 1
		}
		if i < 0 {
			return
		}
		f.outputLine(s, s.held[:i])
		s.held = s.held[i+1:]
	}
}

func (f *Follower) outputLine(s *stepState, line []byte) {
	text := strings.ToValidUTF8(Line(string(line)), "\uFFFD")
	if f.style.Colour {
		if text = Safe(text); strings.Contains(text, "\x1b") {
			text += "\x1b[0m" // a colour that is left on ends with its line
		}
	} else {
		text = Plain(text)
	}
	f.line(s, text)
}

// line shows a line of a step, behind the name of its job where several run.
func (f *Follower) line(s *stepState, text string) {
	prefix := ""
	job := f.jobs[s.job]
	if job != nil && (f.running() > 1 || job.Parallelism > 1) {
		prefix = Plain(job.Name)
		if job.Parallelism > 1 {
			prefix += "/" + strconv.Itoa(s.task)
		}
		prefix = f.style.Dim(prefix+" |") + " "
	}
	fmt.Fprintln(f.out, prefix+text)
}

func (f *Follower) running() int {
	n := 0
	for _, j := range f.jobs {
		if j.Status == "running" {
			n++
		}
	}
	return n
}

// Summary shows a table of the jobs.
func (f *Follower) Summary() {
	if len(f.order) == 0 {
		return
	}
	rows := [][]string{{"JOB", "NUMBER", "STATUS", "TIME"}}
	for _, id := range f.order {
		j := f.jobs[id]
		number := ""
		if j.JobNumber > 0 {
			number = strconv.FormatInt(j.JobNumber, 10)
		}
		rows = append(rows, []string{Plain(j.Name), number, f.style.Status(j.Status), Between(j.StartedAt, j.StoppedAt)})
	}
	f.say("")
	Table(f.out, f.style, rows)
}

// Failed returns the jobs that did not end well.
func (f *Follower) Failed() []api.WorkflowJob {
	jobs := make([]api.WorkflowJob, len(f.order))
	for i, id := range f.order {
		jobs[i] = f.jobs[id].WorkflowJob
	}
	return Failed(jobs)
}

// Failed returns those of some jobs that did not end well.
func Failed(jobs []api.WorkflowJob) []api.WorkflowJob {
	var failed []api.WorkflowJob
	for _, j := range jobs {
		switch j.Status {
		case "failed", "timedout", "infrastructure_fail":
			failed = append(failed, j)
		}
	}
	return failed
}

// Elapsed is the time since following began.
func (f *Follower) Elapsed() time.Duration { return time.Since(f.start) }
