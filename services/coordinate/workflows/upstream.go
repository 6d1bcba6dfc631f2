// SPDX-License-Identifier: MPL-2.0

package workflows

import (
	"context"
	"slices"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
)

// What TaskSpec.Upstream holds at most. The lists of a deep workflow's jobs are
// together quadratic in its size, so a job has one only when it attaches the
// workspace, and in it only what can have left something there. A workflow with
// a job that is beyond the bounds is refused when it is created.
const (
	maxUpstream      = 5000
	maxUpstreamEdges = 50_000
)

// knownLineages is how many workflows' shapes are kept in memory. The largest
// that is allowed weighs some megabytes, a usual one some kilobytes.
const knownLineages = 16

// lineage is what of a workflow decides upstream lists: nothing of it changes
// once the workflow is there.
type lineage struct {
	graph graph
	jobs  []ancestor // by place
}

// ancestor is a job as later ones know it; ID is that of the job that ran.
type ancestor struct {
	id   core.JobID
	name string
}

type lineages = lru.Cache[core.WorkflowID, *lineage]

func newLineages() (*lineages, error) { return lru.New[core.WorkflowID, *lineage](knownLineages) }

func hasStep(p core.JobPlan, kind core.StepKind) bool {
	return slices.ContainsFunc(p.Steps, func(s core.StepPlan) bool { return s.Kind == kind })
}

// carrying tells for each job whether it, or one before it, leaves files in the
// workspace. persists says which do; the graph has no cycles.
func (g *graph) carrying(persists []bool) []bool {
	carries := slices.Clone(persists)
	var todo []int
	for i, does := range persists {
		if does {
			todo = append(todo, i)
		}
	}
	for len(todo) > 0 {
		i := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, l := range g.dependents[i] {
			if !carries[l.Job] {
				carries[l.Job] = true
				todo = append(todo, l.Job)
			}
		}
	}
	return carries
}

// upstream returns the places of all carrying jobs before the one at place, each
// after those that it requires. ok is false when they are too many.
func (g *graph) upstream(place int) (order []int, ok bool) {
	// A walk in depth with a stack of its own: plans may be chains of thousands.
	type visit struct{ job, next int }
	seen, edges := map[int]bool{}, 0
	stack := []visit{{job: place}}
	for len(stack) > 0 {
		top := &stack[len(stack)-1]
		if top.next == len(g.requires[top.job]) {
			if top.job != place {
				order = append(order, top.job)
			}
			stack = stack[:len(stack)-1]
			continue
		}
		from := g.requires[top.job][top.next].Job
		top.next++
		if !g.carries[from] {
			continue
		}
		if edges++; !seen[from] {
			seen[from] = true
			stack = append(stack, visit{job: from})
		}
		if len(seen) > maxUpstream || edges > maxUpstreamEdges {
			return nil, false
		}
	}
	return order, true
}

// checkUpstream refuses a plan in which a job's upstream list is out of bounds.
func (g *graph) checkUpstream(plans []core.JobPlan) error {
	persists := make([]bool, len(plans))
	for i, p := range plans {
		persists[i] = hasStep(p, core.StepPersistToWorkspace)
	}
	g.carries = g.carrying(persists)
	for i, p := range plans {
		if !hasStep(p, core.StepAttachWorkspace) {
			continue
		}
		if _, ok := g.upstream(i); !ok {
			return core.Errorf(core.CodeInvalid, "job %q attaches a workspace that more than %d jobs before it, or more than %d requirements among them, contribute to; persist from fewer jobs, or collect in between with a cache or an artifact", p.Name, maxUpstream, maxUpstreamEdges)
		}
	}
	return nil
}

// fillUpstream gives the specs of jobs that attach the workspace their lists.
func (s *Service) fillUpstream(ctx context.Context, t specRows, specs []core.TaskSpec) error {
	lists := map[core.JobID][]core.UpstreamJob{}
	for i := range specs {
		spec := &specs[i]
		if !hasStep(spec.Plan, core.StepAttachWorkspace) {
			continue
		}
		if _, known := lists[spec.Job]; !known {
			l, err := s.lineage(ctx, spec.Workflow)
			if err != nil {
				return err
			}
			lists[spec.Job] = l.list(t.jobs[spec.Job].Index)
		}
		spec.Upstream = lists[spec.Job]
	}
	return nil
}

// list is the upstream list of the job at place.
func (l *lineage) list(place int) []core.UpstreamJob {
	order, _ := l.graph.upstream(place)
	at := make(map[int]int, len(order))
	out := make([]core.UpstreamJob, len(order))
	for i, job := range order {
		at[job] = i
		out[i] = core.UpstreamJob{Job: l.jobs[job].id, Name: l.jobs[job].name}
		for _, r := range l.graph.requires[job] {
			if l.graph.carries[r.Job] {
				out[i].Requires = append(out[i].Requires, at[r.Job])
			}
		}
	}
	return out
}

// lineage reads a workflow's, or remembers it.
func (s *Service) lineage(ctx context.Context, id core.WorkflowID) (*lineage, error) {
	if l, ok := s.lineages.Get(id); ok {
		return l, nil
	}
	var rows []struct {
		Name       string             `bun:"name"`
		Origin     core.JobID         `bun:"origin_id"`
		Persists   bool               `bun:"persists"`
		Requires   store.JSON[[]link] `bun:"requires"`
		Dependents store.JSON[[]link] `bun:"dependents"`
	}
	err := s.db.NewSelect().TableExpr("jobs AS j").Join("JOIN job_plans AS p ON p.job_id = j.id").
		ColumnExpr("j.name, j.origin_id, j.persists, p.requires, p.dependents").
		Where("j.workflow_id = ?", id).Order("j.idx").Scan(ctx, &rows)
	if err != nil {
		return nil, err
	}
	l := &lineage{}
	persists := make([]bool, len(rows))
	for i, row := range rows {
		l.jobs = append(l.jobs, ancestor{id: row.Origin, name: row.Name})
		l.graph.requires = append(l.graph.requires, row.Requires.V)
		l.graph.dependents = append(l.graph.dependents, row.Dependents.V)
		persists[i] = row.Persists
	}
	l.graph.carries = l.graph.carrying(persists)
	s.lineages.Add(id, l)
	return l, nil
}
