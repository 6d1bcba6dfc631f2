// SPDX-License-Identifier: MPL-2.0

package config

import (
	"slices"
	"strconv"

	"github.com/muster-ci/muster/core"
)

// groups writes the job groups of the uses, each under a name that no job, no
// approval and no other group has. A group stays a group in a processed config: its
// lock is one for all members, which single jobs could not say.
func (e *emitter) groups(workflows []*workflow, jobs []*invocation) {
	if !slices.ContainsFunc(workflows, func(w *workflow) bool { return !w.off && len(w.groups) > 0 }) {
		return
	}
	taken := map[string]bool{}
	for _, i := range jobs {
		taken[i.definition] = true
	}
	for _, w := range workflows {
		for _, i := range w.jobs {
			if !w.off && i.plan.Type == core.JobApproval {
				taken[i.local()] = true
			}
		}
	}
	known := map[string]string{} // name by what is written
	next := map[string]int{}
	for _, w := range workflows {
		if w.off {
			continue
		}
		for _, u := range w.groups {
			if len(known) == 0 {
				e.w.Key("job-groups")
			}
			alone := &emitter{}
			alone.group(u)
			written := alone.w.String()
			if u.definition = known[written]; u.definition != "" {
				continue
			}
			u.definition = u.name
			for taken[u.definition] {
				next[u.name]++
				u.definition = u.name + "-" + strconv.Itoa(next[u.name])
			}
			taken[u.definition], known[written] = true, u.definition
			e.w.In()
			e.w.Key(u.definition)
			e.w.In()
			e.group(u)
			e.w.Out()
			e.w.Out()
		}
	}
}

// group writes the members.
func (e *emitter) group(u *groupUse) {
	e.w.Key("jobs")
	e.w.In()
	for _, i := range u.members {
		e.invocation(i)
	}
	e.w.Out()
}

// groupUse writes the entry of a group in a workflow.
func (e *emitter) groupUse(u *groupUse) {
	if u.definition == u.name && u.serialGroup == "" && len(u.start.requires) == 0 && u.start.filters.empty() {
		e.w.Value(u.definition)
		return
	}
	e.w.Item()
	e.w.Key(u.definition)
	e.w.In()
	if u.definition != u.name {
		e.w.Pair("name", u.name)
	}
	e.optional("serial-group", u.serialGroup)
	e.requires(u.start.requires, nil)
	e.filters(u.start.filters)
	e.w.Out()
	e.w.EndItem()
}
