// SPDX-License-Identifier: MPL-2.0

package config

import (
	"strconv"

	"github.com/muster-ci/muster/core"
)

func (e *emitter) workflow(w *workflow) {
	e.w.Key(w.name)
	e.w.In()
	defer e.w.Out()
	e.schedules(w.schedules)
	if w.maxAutoReruns > 0 {
		e.w.Raw("max_auto_reruns", strconv.Itoa(w.maxAutoReruns))
	}
	e.w.Key("jobs")
	e.w.In()
	for _, i := range w.jobs {
		switch {
		case i.group == nil:
			e.invocation(i)
		case i == i.group.start:
			e.groupUse(i.group)
		}
	}
	e.w.Out()
}

func (e *emitter) schedules(list []schedule) {
	if len(list) == 0 {
		return
	}
	e.w.Key("triggers")
	e.w.In()
	for _, s := range list {
		e.w.Item()
		e.w.Key("schedule")
		e.w.In()
		e.w.Pair("cron", s.cron)
		e.filters(filters{branches: s.branches})
		e.w.Out()
		e.w.EndItem()
	}
	e.w.Out()
}

// invocation writes an entry of a list of jobs.
func (e *emitter) invocation(i *invocation) {
	name := i.local()
	approval := i.plan.Type == core.JobApproval
	called := i.definition
	if approval {
		called = name
	}
	if !approval && called == name && len(i.requires) == 0 && i.filters.empty() && len(i.contexts) == 0 && i.serialGroup == "" {
		e.w.Value(called)
		return
	}
	e.w.Item()
	e.w.Key(called)
	e.w.In()
	if called != name {
		e.w.Pair("name", name)
	}
	if approval {
		e.w.Pair("type", string(core.JobApproval))
	}
	e.words("context", i.contexts)
	e.optional("serial-group", i.serialGroup)
	e.requires(i.requires, i.group)
	e.filters(i.filters)
	e.w.Out()
	e.w.EndItem()
}

// requires writes what a job requires. A member of a group requires other
// members, by their names in it, and the group's start without a word.
func (e *emitter) requires(list []requirement, inside *groupUse) {
	begun := false
	for _, r := range list {
		name := r.job.title()
		if inside != nil {
			name = r.job.own
		}
		if name == "" {
			continue
		}
		if !begun {
			e.w.Key("requires")
			e.w.In()
			begun = true
		}
		e.requirement(name, r.statuses)
	}
	if begun {
		e.w.Out()
	}
}

func (e *emitter) requirement(name string, statuses []core.JobStatus) {
	switch {
	case len(statuses) == 1 && statuses[0] == core.JobSuccess:
		e.w.Value(name)
		return
	case len(statuses) == len(terminal):
		e.w.Item()
		e.w.Pair(name, "terminal")
		e.w.EndItem()
		return
	}
	e.w.Item()
	words := make([]string, 0, len(statuses))
	for _, s := range statuses {
		words = append(words, string(s))
	}
	e.words(name, words)
	e.w.EndItem()
}

func (f filters) empty() bool { return f.branches == nil && f.tags == nil && f.decided == undecided }

func (e *emitter) filters(f filters) {
	switch {
	case f.empty():
		return
	case f.decided == runsAnyway:
		e.w.Pair("filters", "true")
		return
	case f.decided == runsNever:
		e.w.Pair("filters", "false")
		return
	}
	e.w.Key("filters")
	e.w.In()
	e.rule("branches", f.branches)
	e.rule("tags", f.tags)
	e.w.Out()
}

func (e *emitter) rule(key string, r *filterRule) {
	if r == nil {
		return
	}
	e.w.Key(key)
	e.w.In()
	if len(r.only) > 0 {
		e.words("only", patternTexts(r.only))
	}
	if len(r.ignore) > 0 {
		e.words("ignore", patternTexts(r.ignore))
	}
	e.w.Out()
}
