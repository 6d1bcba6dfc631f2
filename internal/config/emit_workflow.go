// SPDX-License-Identifier: MPL-2.0

package config

import "github.com/muster-ci/muster/core"

func (e *emitter) workflow(w *workflow) {
	e.w.Key(w.name)
	e.w.In()
	e.w.Key("jobs")
	e.w.In()
	for _, i := range w.jobs {
		e.invocation(i)
	}
	e.w.Out()
	e.w.Out()
}

func (e *emitter) invocation(i *invocation) {
	approval := i.plan.Type == core.JobApproval
	called := i.definition
	if approval {
		called = i.name
	}
	hasFilters := i.filters.branches != nil || i.filters.tags != nil
	if !approval && called == i.name && len(i.requires) == 0 && !hasFilters {
		e.w.Value(called)
		return
	}
	e.w.Item()
	e.w.Key(called)
	e.w.In()
	if called != i.name {
		e.w.Pair("name", i.name)
	}
	if approval {
		e.w.Pair("type", string(core.JobApproval))
	}
	e.requires(i.requires)
	if hasFilters {
		e.w.Key("filters")
		e.w.In()
		e.rule("branches", i.filters.branches)
		e.rule("tags", i.filters.tags)
		e.w.Out()
	}
	e.w.Out()
	e.w.EndItem()
}

func (e *emitter) requires(list []requirement) {
	if len(list) == 0 {
		return
	}
	e.w.Key("requires")
	e.w.In()
	for _, r := range list {
		if len(r.statuses) == 1 && r.statuses[0] == core.JobSuccess {
			e.w.Value(r.job.name)
			continue
		}
		e.w.Item()
		words := make([]string, 0, len(r.statuses))
		for _, s := range r.statuses {
			words = append(words, string(s))
		}
		e.words(r.job.name, words)
		e.w.EndItem()
	}
	e.w.Out()
}

func (e *emitter) rule(key string, r *filterRule) {
	if r == nil {
		return
	}
	e.w.Key(key)
	e.w.In()
	for _, part := range []struct {
		key  string
		list []namePattern
	}{{"only", r.only}, {"ignore", r.ignore}} {
		if len(part.list) == 0 {
			continue
		}
		words := make([]string, 0, len(part.list))
		for _, p := range part.list {
			words = append(words, p.text)
		}
		e.words(part.key, words)
	}
	e.w.Out()
}
