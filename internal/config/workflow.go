// SPDX-License-Identifier: MPL-2.0

package config

import (
	"fmt"
	"slices"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/config/document"
)

// workflow is one workflow on its way to a plan.
type workflow struct {
	name string
	key  *document.Node
	off  bool // by its condition: checked like the others, and left out
	jobs []*invocation
}

// invocation is one entry of a workflow's jobs.
type invocation struct {
	place    *document.Node
	called   string // the job's definition, or the name of an approval job
	asked    string // `name`, or what is called
	name     string // unique in the workflow; given by order
	named    bool   // by a `name` key
	plan     *core.JobPlan
	requires []requirement
	filters  filters
	gone     bool // filtered out
	// definition is the name under which emit writes the plan.
	definition string
}

// loneWorkflow is the name of the workflow of a file that has none.
const loneWorkflow = "workflow"

// readWorkflows expands every workflow, also those whose condition is false.
func (c *compiler) readWorkflows() []*workflow {
	n := c.root.Get("workflows")
	if n == nil || n.Kind == document.Null {
		return c.readLoneJob()
	}
	if n.Kind != document.Map {
		c.wrongType(n, document.Map)
		return nil
	}
	c.warnBranches()
	list := make([]*workflow, 0, len(n.Keys))
	for i, key := range n.Keys {
		if key.Text == "version" && n.Items[i].IsScalar() {
			continue
		}
		w := &workflow{name: key.Text, key: n.KeyAt(i)}
		c.checkName(w.key, w.name)
		c.readWorkflow(w, n.Items[i])
		list = append(list, w)
	}
	return list
}

// readLoneJob is the old form: the job named build runs.
func (c *compiler) readLoneJob() []*workflow {
	d := c.jobs["build"]
	if d == nil {
		if c.root.Get("jobs").Find("build") < 0 {
			c.fail(c.root, "Cannot find a job named `build` to run in the `jobs:` section of your configuration file.",
				"add workflows: with the jobs to run, or name the only job build")
		}
		return nil
	}
	d.used = true
	plan := c.expand(d, nil, nil, d.key)
	if plan == nil {
		return nil
	}
	only := &invocation{place: d.key, called: "build", asked: "build", plan: plan}
	if branches := d.node.Get("branches"); branches != nil {
		only.filters.branches = c.filterRule(branches)
	}
	return []*workflow{{name: loneWorkflow, key: d.key, jobs: []*invocation{only}}}
}

func (c *compiler) warnBranches() {
	for _, name := range c.jobOrder {
		if d := c.jobs[name]; d != nil {
			if at := d.node.Find("branches"); at >= 0 {
				c.warn(d.node.KeyAt(at), "The key [branches] of a job has no effect in workflows", "write filters: where the workflow lists the job")
			}
		}
	}
}

func (c *compiler) readWorkflow(w *workflow, n *document.Node) {
	if !c.fields(n, workflowKeys) {
		return
	}
	w.off = !c.workflowRuns(n)
	jobs := n.Get("jobs")
	switch {
	case jobs == nil:
		return
	case jobs.Kind != document.List:
		c.wrongType(jobs, document.List)
		return
	case len(jobs.Items) == 0:
		c.fail(jobs, "A workflow needs at least one job", "list a job, or remove the workflow")
		return
	}
	for _, item := range jobs.Items {
		c.spend(item, 0, 0)
		if i := c.invocation(item); i != nil {
			w.jobs = append(w.jobs, i)
		}
	}
}

// workflowRuns evaluates when and unless.
func (c *compiler) workflowRuns(n *document.Node) bool {
	runs := true
	when, unless := n.Get("when"), n.Get("unless")
	if when != nil && unless != nil {
		c.fail(unless, "A workflow has when or unless, not both", "put one condition into the other, under not:")
	}
	for _, at := range []*document.Node{when, unless} {
		if at == nil {
			continue
		}
		if !c.reuse {
			c.fail(at, "A condition of a workflow needs version: 2.1", "change the version, or remove the condition")
			continue
		}
		if _, isBool := at.AsBool(); at.Kind == document.String && !at.Template && !isBool {
			c.fail(at, "Expressions as conditions are not supported by Muster yet: "+clip(at.Text), "until they are: write a logic statement (and, or, not, equal, matches)")
			continue
		}
		if c.condition(c.substitute(at, scope{}), 0) != (at == when) {
			runs = false
		}
	}
	return runs
}

// invocation reads a job's name, or a mapping of the name to its keys.
func (c *compiler) invocation(n *document.Node) *invocation {
	n = c.substitute(n, scope{})
	i := &invocation{called: n.Text, place: n}
	var keys *document.Node
	switch {
	case n.Kind == document.String:
	case n.Kind == document.Map && len(n.Keys) == 1:
		i.called, i.place, keys = n.Keys[0].Text, n.KeyAt(0), n.Items[0]
	case n.Kind == document.Map:
		c.fail(n, "expected a job with its keys indented below it", "write - name: and, four spaces further in, its keys")
		return nil
	default:
		c.fail(n, "expected a job, found: "+n.Kind.String(), "write - name")
		return nil
	}
	i.asked = i.called
	if keys != nil && keys.Kind == document.Null {
		keys = nil
	}
	if keys != nil && keys.Kind != document.Map {
		c.wrongType(keys, document.Map)
		return i
	}
	if c.text(keys.Get("type")) == string(core.JobApproval) {
		c.fields(keys, approvalKeys)
		i.plan = &core.JobPlan{Type: core.JobApproval}
	}
	c.common(i, keys)
	if i.plan == nil {
		c.invoke(i, keys)
	}
	return i
}

// common reads the keys that every kind of invocation has.
func (c *compiler) common(i *invocation, keys *document.Node) {
	if at := keys.Get("name"); at != nil {
		if name := c.text(at); name != "" {
			i.asked, i.named = name, true
		}
	}
	c.checkName(i.place, i.asked)
	if at := keys.Get("requires"); at != nil {
		i.requires = c.requirements(at)
	}
	if at := keys.Get("filters"); at != nil {
		i.filters = c.readFilters(at)
	}
}

// invoke expands the job that is called.
func (c *compiler) invoke(i *invocation, keys *document.Node) {
	d := c.find("job", i.called, i.place)
	if at := keys.Get("type"); at != nil {
		c.fail(at, "type can only be approval here", "write the type in the job's definition")
	}
	if d == nil {
		return
	}
	given, names := c.jobArguments(d, keys)
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
		if way, later := callKeys.later[key.Text]; later {
			c.fail(keys.KeyAt(i), "The key ["+key.Text+"] is not supported by Muster yet", "until it is: "+way)
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

// calling is the line that tells in which workflow a mistake is.
func (w *workflow) calling() string { return fmt.Sprintf("Error calling workflow: '%s'", clip(w.name)) }
