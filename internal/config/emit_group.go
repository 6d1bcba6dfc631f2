// SPDX-License-Identifier: MPL-2.0

package config

import "strconv"

// groups writes the job groups of the uses, each under a name that neither a
// job nor another group has. A group stays a group in a processed config: its
// lock is one for all members, which single jobs could not say.
func (e *emitter) groups(workflows []*workflow, jobs []*invocation) {
	taken := map[string]bool{}
	for _, i := range jobs {
		taken[i.definition] = true
	}
	begun := false
	for _, w := range workflows {
		if w.off {
			continue
		}
		for _, u := range w.groups {
			if !begun {
				e.w.Key("job-groups")
				e.w.In()
				begun = true
			}
			u.definition = u.name
			for n := 1; taken[u.definition]; n++ {
				u.definition = u.name + "-" + strconv.Itoa(n)
			}
			taken[u.definition] = true
			e.group(u)
		}
	}
	if begun {
		e.w.Out()
	}
}

func (e *emitter) group(u *groupUse) {
	e.w.Key(u.definition)
	e.w.In()
	e.w.Key("jobs")
	e.w.In()
	for _, i := range u.members {
		e.invocation(i, i.own)
	}
	e.w.Out()
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
