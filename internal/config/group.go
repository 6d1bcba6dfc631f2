// SPDX-License-Identifier: MPL-2.0

package config

import (
	"fmt"
	"slices"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/config/document"
)

// group is a named list of jobs under `job-groups`.
type group struct {
	name string
	key  *document.Node
	node *document.Node
	used bool
}

// groupUse is a group in a workflow. Two no-op jobs hold it together:
//
//	requires -> start -> members without requires -> ... -> members that none requires -> end -> dependents
//
// so that the group's filters and requires count once, and that a job which
// requires the group sees one status: the end is not run unless every member
// before it succeeded.
type groupUse struct {
	group       *group
	place       *document.Node
	name        string
	serialGroup string
	definition  string // the name under which emit writes the group
	start, end  *invocation
	members     []*invocation
}

var (
	groupKeys    = keySet{permitted: []string{"description", "jobs"}, required: []string{"jobs"}}
	groupUseKeys = []string{"filters", "name", "requires", "serial-group"}
	// groupUseRefused are keys of a job's invocation that a group has not.
	groupUseRefused = []string{"context", "matrix", "override-with", "post-steps", "pre-steps", "type"}
)

// readGroups reads `job-groups`.
func (c *compiler) readGroups() {
	n := c.root.Get("job-groups")
	if n == nil || n.Kind == document.Null {
		return
	}
	if n.Kind != document.Map {
		c.wrongType(n, document.Map)
		return
	}
	c.groups = make(map[string]*group, len(n.Keys))
	for i, key := range n.Keys {
		g := &group{name: key.Text, key: n.KeyAt(i), node: n.Items[i]}
		c.checkName(g.key, g.name)
		if c.root.Get("jobs").Find(g.name) >= 0 {
			c.fail(g.key, fmt.Sprintf("The name %s appears in both jobs and job-groups", clip(g.name)), "rename one of them")
		}
		if c.fields(g.node, groupKeys) {
			c.groups[g.name] = g
		}
	}
}

// useGroup expands a group where a workflow lists it.
func (c *compiler) useGroup(g *group, e entry) *groupUse {
	g.used = true
	keys := c.substitute(e.keys, scope{})
	c.checkGroupKeys(keys)
	u := &groupUse{group: g, place: e.place, name: g.name, serialGroup: c.readSerialGroup(keys.Get("serial-group"))}
	if name := c.text(keys.Get("name")); name != "" {
		u.name = name
	}
	c.checkName(e.place, u.name)
	var f filters
	if at := keys.Get("filters"); at != nil {
		f = c.readFilters(at, scope{})
	}
	u.start, u.end = u.boundary("group-start", f), u.boundary("group-end", f)
	if at := keys.Get("requires"); at != nil {
		u.start.requires = c.requirements(at)
	}
	c.countJobs(e.place, 2)
	c.readMembers(u)
	return u
}

// boundary makes one end of a group.
func (u *groupUse) boundary(name string, f filters) *invocation {
	return &invocation{place: u.place, name: u.name + "-" + name, plan: &core.JobPlan{Type: core.JobNoOp}, filters: f, group: u}
}

func (c *compiler) checkGroupKeys(keys *document.Node) {
	if keys == nil {
		return
	}
	var others []string
	for i, key := range keys.Keys {
		switch {
		case slices.Contains(groupUseKeys, key.Text):
		case slices.Contains(groupUseRefused, key.Text):
			c.fail(keys.KeyAt(i), fmt.Sprintf("Job group invocations do not support `%s`", key.Text), "write it at the jobs of the group; "+permittedKeys(groupUseKeys))
		default:
			others = append(others, "`"+clip(key.Text)+"`")
		}
	}
	if len(others) > 0 {
		slices.Sort(others)
		c.fail(keys, "Job group invocations do not support custom parameters, but found: "+listed(others), permittedKeys(groupUseKeys))
	}
}

// readMembers expands the jobs of a group.
func (c *compiler) readMembers(u *groupUse) {
	for _, item := range c.jobItems(u.group.node.Get("jobs"), "job group") {
		c.spend(item, 0, 0)
		e, ok := c.entry(item)
		switch {
		case !ok:
			continue
		case c.groups[e.called] != nil:
			c.fail(e.place, fmt.Sprintf("Job group \"%s\" cannot reference job group \"%s\" -- nesting is not supported", clip(u.group.name), clip(e.called)),
				"list the jobs of the other group here, or use both groups in the workflow")
			continue
		}
		if at := e.keys.Find("serial-group"); at >= 0 {
			c.fail(e.keys.KeyAt(at), "Use of `serial-group` on job invocations inside a job-group is not supported", "write serial-group where a workflow uses the group")
			e.keys = without(e.keys, "serial-group")
		}
		for _, i := range c.invocations(e) {
			i.group = u
			u.members = append(u.members, i)
		}
	}
}

// all returns the jobs that the use brings into its workflow.
func (u *groupUse) all() []*invocation {
	return slices.Concat([]*invocation{u.start}, u.members, []*invocation{u.end})
}

// orderGroup names the members, finds what they require among themselves, and
// ties them to the ends of the group.
func (c *compiler) orderGroup(w *workflow, u *groupUse) {
	for i, own := range numbered(u.members) {
		u.members[i].own = own
		u.members[i].name = u.name + "-" + own
		c.checkName(u.members[i].place, u.members[i].name)
	}
	known := newLookup()
	for _, i := range u.members {
		known.add(i, i.own)
	}
	required := map[*invocation]bool{}
	for _, i := range u.members {
		c.resolve(w, i, known)
		for _, r := range i.requires {
			required[r.job] = true
		}
		if len(i.requires) == 0 {
			i.requires = []requirement{succeeded(u.start)}
		}
	}
	for _, i := range u.members {
		if !required[i] {
			u.end.requires = append(u.end.requires, succeeded(i))
		}
	}
}

// checkUnusedGroups reads the groups that no workflow uses, for their mistakes.
func (c *compiler) checkUnusedGroups() {
	for _, name := range sortedKeys(c.groups) {
		g := c.groups[name]
		if g.used {
			continue
		}
		c.warn(g.key, fmt.Sprintf("The job group %s is not used by any workflow", clip(name)), "list it under a workflow's jobs, or remove it")
		u := c.useGroup(g, entry{called: name, place: g.key})
		w := &workflow{name: name, key: g.key, jobs: u.all(), groups: []*groupUse{u}}
		c.order(w)
	}
}

// checkGroupNames refuses groups and members whose names are not their own:
// they are not numbered, since other jobs require a group by its name.
func (c *compiler) checkGroupNames(w *workflow) {
	if len(w.groups) == 0 {
		return
	}
	uses := map[string]*groupUse{}
	taken := map[string]bool{}
	for _, i := range w.jobs {
		if i.group == nil {
			taken[i.name] = true
		}
	}
	for _, u := range w.groups {
		other := uses[u.name]
		uses[u.name] = u
		switch {
		case other != nil && other.group == u.group && u.name == u.group.name:
			c.fail(u.place, fmt.Sprintf("Job group \"%s\" is invoked multiple times without a \"name\" attribute. Each invocation must have a unique name", clip(u.group.name)), "add name: below it")
		case other != nil:
			c.fail(u.place, fmt.Sprintf("Job group \"%s\" is already invoked with the name \"%s\"", clip(other.group.name), clip(u.name)), "choose another name:")
		case taken[u.name]:
			c.fail(u.place, fmt.Sprintf("The name %s belongs to a job and to a job group of the workflow %s", clip(u.name), clip(w.name)), "give one of them another name:")
		}
		if other != nil {
			continue
		}
		for _, i := range u.all() {
			if taken[i.name] {
				c.fail(i.place, fmt.Sprintf("The name %s belongs to a job of the group %s and to another one of the workflow %s", clip(i.name), clip(u.name), clip(w.name)), "give one of them another name:")
			}
			taken[i.name] = true
		}
	}
}

// ownerGroup finds a group of the workflow that has a member of that name.
func (w *workflow) ownerGroup(name string) *groupUse {
	for _, u := range w.groups {
		for _, i := range u.members {
			if i.own == name || i.name == name {
				return u
			}
		}
	}
	return nil
}
