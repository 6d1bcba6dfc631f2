// SPDX-License-Identifier: MPL-2.0

package workflows

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/muster-ci/muster/core"
)

// link is an edge as it is stored with the job at one end of it: the place of
// the job at the other end in the plan, and the ends that satisfy it.
type link struct {
	Job    int       `json:"j"`
	Accept statusSet `json:"a"`
}

// graph is the shape of a workflow, by the places of its jobs in the plan.
type graph struct {
	requires   [][]link // whom a job waits for
	dependents [][]link // who waits for it
	carries    []bool   // it, or a job before it, leaves files in the workspace
}

// newGraph reads the shape of a plan. Compilation has checked all of this for
// the person who wrote the config; a plan that fails here is our own mistake,
// and is turned into a workflow with status error rather than into a hand-over
// that is repeated for ever.
func newGraph(plan core.WorkflowPlan, cfg Config) (graph, error) {
	if len(plan.Jobs) == 0 {
		return graph{}, core.Errorf(core.CodeInvalid, "the workflow has no jobs")
	}
	if len(plan.Jobs) > cfg.MaxJobs {
		return graph{}, core.Errorf(core.CodeInvalid, "the workflow has %d jobs; this installation allows %d", len(plan.Jobs), cfg.MaxJobs)
	}
	places, err := placeJobs(plan.Jobs, cfg.MaxParallelism)
	if err != nil {
		return graph{}, err
	}
	if err := checkLocks(plan.Jobs); err != nil {
		return graph{}, err
	}
	g := graph{requires: make([][]link, len(plan.Jobs)), dependents: make([][]link, len(plan.Jobs))}
	edges := 0
	for i, p := range plan.Jobs {
		if edges += len(p.Requires); edges > cfg.MaxRequirements {
			return graph{}, core.Errorf(core.CodeInvalid, "the jobs of the workflow require one another more than %d times, which this installation does not allow", cfg.MaxRequirements)
		}
		for _, r := range p.Requires {
			from, ok := places[r.Job]
			if !ok {
				return graph{}, core.Errorf(core.CodeInvalid, "job %q requires %q, which is not in the workflow", p.Name, r.Job)
			}
			accept, ok := accepting(r.Statuses)
			if !ok {
				return graph{}, core.Errorf(core.CodeInvalid, "job %q requires %q to end with %v; name final statuses", p.Name, r.Job, r.Statuses)
			}
			g.requires[i] = append(g.requires[i], link{from, accept})
			g.dependents[from] = append(g.dependents[from], link{i, accept})
		}
	}
	if err := g.checkCycles(plan.Jobs); err != nil {
		return g, err
	}
	return g, g.checkUpstream(plan.Jobs)
}

// checkLocks wants one lock job a key: a second one would wait for the first.
func checkLocks(plans []core.JobPlan) error {
	locked := map[string]string{}
	for _, p := range plans {
		if p.Type != core.JobLock {
			continue
		}
		if first := locked[p.Key]; first != "" {
			return core.Errorf(core.CodeInvalid, "the jobs %q and %q both lock %q; a workflow locks a key once", first, p.Name, p.Key)
		}
		locked[p.Key] = p.Name
	}
	for _, p := range plans {
		if p.Type == core.JobUnlock && locked[p.Key] == "" {
			return core.Errorf(core.CodeInvalid, "the job %q unlocks %q, which no job of the workflow locks", p.Name, p.Key)
		}
	}
	return nil
}

func placeJobs(plans []core.JobPlan, maxParallelism int) (map[string]int, error) {
	places := make(map[string]int, len(plans))
	for i, p := range plans {
		if _, taken := places[p.Name]; taken || p.Name == "" {
			return nil, core.Errorf(core.CodeInvalid, "job %d of the workflow is called %q; names must be given and unique", i+1, p.Name)
		}
		if strings.ContainsRune(p.Name+p.ResourceClass+string(p.Executor.Kind), 0) {
			return nil, core.Errorf(core.CodeInvalid, "the name or the resource class of job %q has a NUL character in it", p.Name)
		}
		switch p.Type {
		case core.JobBuild, core.JobApproval, core.JobNoOp:
		case core.JobLock, core.JobUnlock:
			if p.Key == "" {
				return nil, core.Errorf(core.CodeInvalid, "job %q of type %s names no key", p.Name, p.Type)
			}
		default:
			return nil, core.Errorf(core.CodeInvalid, "job %q has the unknown type %q", p.Name, p.Type)
		}
		if p.Parallelism < 0 || p.Parallelism > maxParallelism {
			return nil, core.Errorf(core.CodeInvalid, "job %q has a parallelism of %d; this installation allows 1 to %d", p.Name, p.Parallelism, maxParallelism)
		}
		places[p.Name] = i
	}
	return places, nil
}

// checkCycles takes away jobs that wait for nobody until none is left; what
// stays waits for itself.
func (g graph) checkCycles(plans []core.JobPlan) error {
	unmet := make([]int, len(plans))
	var free []int
	for i := range plans {
		if unmet[i] = len(g.requires[i]); unmet[i] == 0 {
			free = append(free, i)
		}
	}
	done := 0
	for ; len(free) > 0; done++ {
		i := free[len(free)-1]
		free = free[:len(free)-1]
		for _, l := range g.dependents[i] {
			if unmet[l.Job]--; unmet[l.Job] == 0 {
				free = append(free, l.Job)
			}
		}
	}
	if done == len(plans) {
		return nil
	}
	var names []string
	for i := range plans {
		if unmet[i] > 0 && len(names) < 10 {
			names = append(names, plans[i].Name)
		}
	}
	return core.Errorf(core.CodeInvalid, "the following jobs are unreachable, since they wait for one another: %s", strings.Join(names, ", "))
}

// downstream returns the jobs at places and all that depend on them.
func (g graph) downstream(places []int) []bool {
	reached := make([]bool, len(g.dependents))
	for todo := append([]int(nil), places...); len(todo) > 0; {
		i := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if reached[i] {
			continue
		}
		reached[i] = true
		for _, l := range g.dependents[i] {
			todo = append(todo, l.Job)
		}
	}
	return reached
}

// derive makes the id of a part out of the id of the whole: a UUID of version 8
// from a hash. A workflow's hand-over that comes twice, or to two processes,
// names the same jobs and tasks each time.
func derive(kind, whole string, n int) string {
	h := sha256.Sum256([]byte(kind + "/" + whole + "/" + strconv.Itoa(n)))
	h[6] = h[6]&0x0f | 0x80
	h[8] = h[8]&0x3f | 0x80
	x := hex.EncodeToString(h[:16])
	return x[:8] + "-" + x[8:12] + "-" + x[12:16] + "-" + x[16:20] + "-" + x[20:]
}

func jobID(id core.WorkflowID, place int) core.JobID {
	return core.JobID(derive("job", string(id), place))
}

func taskID(id core.JobID, index int) core.TaskID {
	return core.TaskID(derive("task", string(id), index))
}

func approvalID(id core.JobID) string { return derive("approval", string(id), 0) }
