// SPDX-License-Identifier: MPL-2.0

package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/config/document"
)

// invocation is one job of a workflow: an entry of its jobs, one combination of
// a matrix, or a member of a job group.
type invocation struct {
	place  *document.Node
	called string // the job's definition, or the name of an approval job
	asked  string // `name`, or what is called, or what the matrix makes of it
	name   string // unique in the workflow
	alias  string // of the matrix that made it; "" without one
	plan   *core.JobPlan
	print  string // of the plan, made when first needed

	contexts    []string
	serialGroup string
	requires    []requirement
	filters     filters
	gone        bool // filtered out
	// definition is the name under which emit writes the plan.
	definition string

	group *groupUse // that it is part of
	own   string    // name inside the group; "" for the ends of one
}

// maxJobs of all workflows: what a file of a person's hand never reaches, and a
// plan can carry.
const maxJobs = 5_000

// countJobs ends the compilation when there are too many jobs. It is told
// before they are made.
func (c *compiler) countJobs(place *document.Node, count int) {
	if c.jobCount += count; c.jobCount > maxJobs {
		c.fail(place, fmt.Sprintf("The workflows have more than %d jobs; that is the limit", maxJobs), "split the work into several pipelines, or use parallelism")
		panic(stopped{})
	}
}

// entry is an item of a list of jobs: a job's name, or a mapping of the name to
// its keys, which still hold their references.
type entry struct {
	called string
	place  *document.Node
	keys   *document.Node // nil without any
}

func (c *compiler) entry(n *document.Node) (entry, bool) {
	if n.IsScalar() {
		n = c.substitute(n, scope{})
	}
	e := entry{called: n.Text, place: n}
	switch {
	case n.Kind == document.String:
	case n.Kind == document.Map && len(n.Keys) == 1:
		e = entry{called: n.Keys[0].Text, place: n.KeyAt(0), keys: n.Items[0]}
		if c.reuse && strings.Contains(e.called, "<<") {
			c.fail(e.place, "A key cannot be made of references", "write the job's name out; its keys may hold << >>")
			return e, false
		}
	case n.Kind == document.Map:
		c.fail(n, "expected a job with its keys indented below it", "write - name: and, four spaces further in, its keys")
		return e, false
	default:
		c.fail(n, "expected a job, found: "+n.Kind.String(), "write - name")
		return e, false
	}
	if e.keys != nil && e.keys.Kind == document.Null {
		e.keys = nil
	}
	if e.keys != nil && e.keys.Kind != document.Map {
		c.wrongType(e.keys, document.Map)
		e.keys = nil
	}
	return e, true
}

// invocations expands an entry: to one job, or to those of its matrix.
func (c *compiler) invocations(e entry) []*invocation {
	if matrix := e.keys.Get("matrix"); matrix != nil && matrix.Kind != document.Null {
		return c.matrix(e, matrix)
	}
	c.countJobs(e.place, 1)
	i := &invocation{}
	c.invocation(i, e, e.called, combination{})
	return []*invocation{i}
}

// invocation expands one job into i. The asked name is that of an entry without the
// key name.
func (c *compiler) invocation(i *invocation, e entry, asked string, m combination) {
	keys := c.substitute(e.keys, scope{matrix: m.values})
	*i = invocation{called: e.called, place: e.place, asked: asked}
	if c.text(keys.Get("type")) == string(core.JobApproval) {
		c.fields(keys, approvalKeys)
		i.plan = &core.JobPlan{Type: core.JobApproval}
	}
	c.common(i, keys, scope{matrix: m.values})
	if i.plan == nil {
		c.invoke(i, keys, m)
	}
	if i.plan == nil { // broken; in a workflow that is switched off that may be no mistake
		i.plan = &core.JobPlan{Type: core.JobBuild}
	}
}

// common reads the keys that every kind of invocation has.
func (c *compiler) common(i *invocation, keys *document.Node, s scope) {
	if name := c.text(keys.Get("name")); name != "" {
		i.asked = name
	}
	c.checkName(i.place, i.asked)
	if at := keys.Get("requires"); at != nil {
		i.requires = c.requirements(at)
	}
	if at := keys.Get("filters"); at != nil {
		i.filters = c.readFilters(at, s)
	}
	i.contexts = c.readContexts(keys.Get("context"))
	i.serialGroup = c.readSerialGroup(keys.Get("serial-group"))
}

// invoke expands the job that is called.
func (c *compiler) invoke(i *invocation, keys *document.Node, m combination) {
	d := c.calledJob(i, keys)
	if at := keys.Get("type"); at != nil {
		c.fail(at, "type can only be approval here", "write the type in the job's definition")
	}
	if d == nil {
		return
	}
	given, names := m.arguments(c.jobArguments(d, keys))
	plan := c.expand(d, given, names, i.place)
	if plan == nil {
		return
	}
	pre, post := keys.Get("pre-steps"), keys.Get("post-steps")
	if pre != nil || post != nil {
		around := *plan
		around.Steps = slices.Concat(c.steps(pre, 0), plan.Steps, c.steps(post, 0))
		plan = &around
	}
	i.plan = plan
	c.spend(i.place, 0, planSize(plan))
}

// jobArguments picks a call's arguments out of its keys.
func (c *compiler) jobArguments(d *definition, keys *document.Node) (map[string]*document.Node, []string) {
	if keys == nil {
		return nil, nil
	}
	var given map[string]*document.Node
	var names []string
	for i, key := range keys.Keys {
		if slices.Contains(callKeys.permitted, key.Text) {
			continue
		}
		if len(d.parameters) == 0 {
			c.extraneous(keys.KeyAt(i), slices.Clone(callKeys.permitted))
			continue
		}
		if given == nil {
			given = map[string]*document.Node{}
		}
		given[key.Text] = keys.Items[i]
		names = append(names, key.Text)
	}
	return given, names
}

// title is how the file calls the job: the ends of a group have its name.
func (i *invocation) title() string {
	if i.isEnd() {
		return i.group.name
	}
	return i.name
}

// local is the job's name among those with which it is listed.
func (i *invocation) local() string {
	if i.own != "" {
		return i.own
	}
	return i.name
}

// isEnd tells whether the job only holds a group together.
func (i *invocation) isEnd() bool { return i.group != nil && i.own == "" }

func (i *invocation) jobPlan() core.JobPlan {
	job := *i.plan
	job.Name, job.Contexts, job.SerialGroup = i.name, i.contexts, i.serialGroup
	if i.group != nil {
		job.Group = i.group.name
	}
	if len(i.requires) == 0 {
		return job
	}
	job.Requires = make([]core.Requirement, 0, len(i.requires))
	var listed map[*invocation]bool
	if len(i.requires) > 1 {
		listed = make(map[*invocation]bool, len(i.requires))
	}
	for _, r := range i.requires {
		if r.job.gone || listed[r.job] {
			continue
		}
		if listed != nil {
			listed[r.job] = true
		}
		job.Requires = append(job.Requires, core.Requirement{Job: r.job.name, Statuses: r.statuses})
	}
	return job
}
