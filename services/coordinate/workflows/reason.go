// SPDX-License-Identifier: MPL-2.0

package workflows

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/muster-ci/muster/core"
)

const (
	// namedJobs is how many jobs a reason names before it counts the rest.
	namedJobs = 3
	// explainedJobs is how many queued jobs of a list say why they wait. A
	// person reads the first few of thousands.
	explainedJobs = 100
	// explainedTasks is the same for the tasks of one job.
	explainedTasks = 1000
)

// describe fills in a job's dependencies and, while it is blocked, what it
// waits for. at returns the job at a place of the plan.
func describe(out *core.Job, j *job, requires []link, at func(place int) *job) {
	var open []string
	for _, l := range requires {
		out.Dependencies = append(out.Dependencies, jobID(j.Workflow, l.Job))
		if r := at(l.Job); r != nil && !r.Status.Ended() {
			open = append(open, r.Name)
		}
	}
	if j.Status == core.JobBlocked && len(open) > 0 {
		out.Reason = waitsFor(open)
	}
}

func waitsFor(names []string) string {
	if more := len(names) - namedJobs; more > 0 {
		return fmt.Sprintf("waits for %s and %d more", strings.Join(names[:namedJobs], ", "), more)
	}
	return "waits for " + strings.Join(names, ", ")
}

// explainTasks asks the queue why the open tasks of a job wait. Every task that
// waits gets its reason, and the job the first of them when it runs nowhere.
func (s *Service) explainTasks(ctx context.Context, row *job, j *core.Job) {
	var ids []core.TaskID
	var places []int
	for i, t := range j.Tasks {
		if t.Status == core.JobQueued && len(ids) < explainedTasks {
			ids = append(ids, t.ID)
			places = append(places, i)
		}
	}
	for n, reason := range s.waiting(ctx, ids) {
		if reason == "" {
			continue
		}
		j.Tasks[places[n]].Reason = reason
		if j.Status == core.JobQueued && j.Reason == "" {
			j.Reason = reason
		}
	}
	queued := func(t core.Task) bool { return t.Status == core.JobQueued }
	if row.Deploys && len(j.Tasks) > 1 && j.Tasks[0].Reason == "" && queued(j.Tasks[0]) && slices.ContainsFunc(j.Tasks[1:], queued) {
		j.Tasks[0].Reason = "waits until all other nodes of its job have begun" // nobody has told the queue of it
	}
}

// explainQueued does the same for the queued jobs of a list, in one call, and
// goes by the first task that each has in the queue.
func (s *Service) explainQueued(ctx context.Context, rows []*job, jobs []core.Job) {
	var ids []core.TaskID
	var places []int
	for i, j := range jobs {
		if j.Status == core.JobQueued && j.Reason == "" && len(ids) < explainedJobs {
			first := 0
			if rows[i].held(0) {
				first = 1
			}
			ids = append(ids, taskID(j.ID, first))
			places = append(places, i)
		}
	}
	for n, reason := range s.waiting(ctx, ids) {
		jobs[places[n]].Reason = reason
	}
}

// explainSerials says of jobs that wait for a serial group who holds it. rows are
// those of the jobs.
func (s *Service) explainSerials(ctx context.Context, rows []*job, jobs []core.Job) {
	var ids []core.SerialID
	var places []int
	for i, j := range rows {
		if j.Waits && len(ids) < explainedJobs {
			ids, places = append(ids, j.Hold), append(places, i)
			jobs[i].Reason = "waits for the serial group " + j.SerialKey
		}
	}
	if len(ids) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.ReasonTimeout)
	defer cancel()
	waits, err := s.serials.SerialsWaiting(ctx, ids)
	if err != nil || len(waits) != len(ids) {
		s.logger.Debug("no word from the queue on who holds serial groups", "claims", len(ids), "error", err)
		return
	}
	for n, wait := range waits {
		if wait.Holder != nil {
			jobs[places[n]].Reason, jobs[places[n]].SerialHolder = wait.Reason, wait.Holder
		}
	}
}

// waiting asks the queue, but not for long: a reader is better served without
// reasons than not at all.
func (s *Service) waiting(ctx context.Context, ids []core.TaskID) []string {
	if len(ids) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.ReasonTimeout)
	defer cancel()
	reasons, err := s.queue.Waiting(ctx, ids)
	if err != nil || len(reasons) != len(ids) {
		s.logger.Debug("no word from the queue on why tasks wait", "tasks", len(ids), "error", err)
		return nil
	}
	return reasons
}
