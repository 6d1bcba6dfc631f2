// SPDX-License-Identifier: MPL-2.0

package config

import (
	"fmt"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/config/document"
)

// flow is what a compilation knows of its workflows as a whole.
type flow struct {
	setup    bool
	inSetup  bool        // the value pipeline.in_setup, which is known before setup is checked
	declared []parameter // of the pipeline
	groups   map[string]*group
	contexts map[string]bool // that some job asks for
	jobCount int             // of all workflows and groups
	edges    int             // of all `requires`
}

// workflow is one workflow on its way to a plan.
type workflow struct {
	name string
	key  *document.Node
	off  bool // by its condition: checked like the others, and left out
	jobs []*invocation
	// groups are the uses of job groups, whose members are among jobs.
	groups        []*groupUse
	schedules     []schedule
	maxAutoReruns int
}

// loneWorkflow is the name of the workflow of a file that has none.
const loneWorkflow = "workflow"

// readWorkflows expands every workflow, also those whose condition is false.
func (c *compiler) readWorkflows() []*workflow {
	c.readSetup()
	c.readGroups()
	n := c.root.Get("workflows")
	if n == nil || n.Kind == document.Null {
		return c.readLoneJob()
	}
	if n.Kind != document.Map {
		c.wrongType(n, document.Map)
		return nil
	}
	c.checkWorkflowsVersion(n)
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
	c.checkUnusedGroups()
	nameJobs(list)
	return list
}

// checkWorkflowsVersion asks for the inner version, which only 2.1 can do
// without.
func (c *compiler) checkWorkflowsVersion(n *document.Node) {
	v := n.Get("version")
	switch {
	case v != nil && v.Text != "2" && v.Text != "2.0" && v.IsScalar():
		c.fail(v, "Unsupported or missing workflows config version", "write version: 2 below workflows:")
	case v == nil && !c.reuse:
		c.fail(n, "Unsupported or missing workflows config version", "write version: 2 as the first line below workflows:, or use version: 2.1")
	}
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
	only := &invocation{place: d.key, called: "build", asked: "build", name: "build", plan: plan}
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
	if w.off = !c.workflowRuns(n); w.off {
		c.unsure++
		defer func() { c.unsure-- }()
	}
	w.maxAutoReruns = c.integer(c.substitute(n.Get("max_auto_reruns"), scope{}), 1, maxReruns)
	w.schedules = c.schedules(n.Get("triggers"))
	for _, item := range c.jobItems(n.Get("jobs"), "workflow") {
		c.spend(item, 0, 0)
		e, ok := c.entry(item)
		if !ok {
			continue
		}
		if g := c.groups[e.called]; g != nil {
			u := c.useGroup(g, e)
			w.groups = append(w.groups, u)
			w.jobs = append(w.jobs, u.all()...)
			continue
		}
		w.jobs = append(w.jobs, c.invocations(e)...)
	}
	c.checkSerialGroups(w)
}

// maxReruns is how often a workflow may rerun itself.
const maxReruns = 5

// jobItems returns the entries of a `jobs` list, which may not be empty.
func (c *compiler) jobItems(n *document.Node, what string) []*document.Node {
	switch {
	case n == nil:
		return nil
	case n.Kind != document.List:
		c.wrongType(n, document.List)
		return nil
	case len(n.Items) == 0:
		c.fail(n, fmt.Sprintf("A %s needs at least one job", what), "list a job, or remove the "+what)
	}
	return n.Items
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
		if c.workflowCondition(at) != (at == when) {
			runs = false
		}
	}
	return runs
}

// plan returns the workflow without the jobs that its filters took away.
func (w *workflow) plan() core.WorkflowPlan {
	p := core.WorkflowPlan{Name: w.name, MaxAutoReruns: w.maxAutoReruns, Jobs: make([]core.JobPlan, 0, len(w.jobs))}
	left := map[*groupUse]bool{}
	for _, i := range w.jobs {
		if !i.gone {
			p.Jobs = append(p.Jobs, i.jobPlan())
			left[i.group] = true
		}
	}
	for _, u := range w.groups {
		if left[u] {
			p.Groups = append(p.Groups, core.GroupPlan{Name: u.name, SerialGroup: u.serialGroup})
		}
	}
	return p
}

// calling is the line that tells in which workflow a mistake is.
func (w *workflow) calling() string { return fmt.Sprintf("Error calling workflow: '%s'", clip(w.name)) }
