// SPDX-License-Identifier: MPL-2.0

package config

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
)

// nameJobs gives the jobs their names. A name that is asked for once, or for
// the same job in several workflows, is the job's; else each job gets the name
// with -1, -2 and so on, counted over all workflows, as CircleCI does. Members
// of job groups are named by their group.
func nameJobs(workflows []*workflow) {
	on := make([]*workflow, 0, len(workflows))
	for _, w := range workflows {
		if w.off {
			nameJobsOf([]*workflow{w})
			continue
		}
		on = append(on, w)
	}
	nameJobsOf(on)
}

// asking are the jobs that ask for one name.
type asking struct {
	jobs      []*invocation
	workflows []*workflow // of each of jobs
}

func nameJobsOf(workflows []*workflow) {
	jobs := 0
	for _, w := range workflows {
		jobs += len(w.jobs)
	}
	count := make(map[string]int, jobs)
	for _, w := range workflows {
		for _, i := range w.jobs {
			if i.group == nil {
				count[i.asked]++
			}
		}
	}
	several := map[string]*asking{}
	var names []string
	for _, w := range workflows {
		for _, i := range w.jobs {
			if i.group != nil {
				continue
			}
			if count[i.asked] == 1 {
				i.name = i.asked
				continue
			}
			a := several[i.asked]
			if a == nil {
				a = &asking{}
				several[i.asked] = a
				names = append(names, i.asked)
			}
			a.jobs = append(a.jobs, i)
			a.workflows = append(a.workflows, w)
		}
	}
	for _, name := range names {
		several[name].assign(name, func(name string) bool { return count[name] > 0 })
	}
}

// assign names the jobs that ask for one name.
func (a *asking) assign(name string, taken func(string) bool) {
	if !a.unique() {
		a.number(name, taken)
		return
	}
	for _, i := range a.jobs {
		i.name = name
	}
}

// unique tells whether one name does for all: there is one in each workflow,
// and they are the same job.
func (a *asking) unique() bool {
	first := a.jobs[0]
	for at, i := range a.jobs[1:] {
		if a.workflows[at] == a.workflows[at+1] || !samePlan(first, i) {
			return false
		}
	}
	return true
}

func samePlan(a, b *invocation) bool {
	return a.plan == b.plan || a.planPrint() == b.planPrint()
}

// number names the jobs; one that another workflow has too takes its name from
// there.
func (a *asking) number(name string, taken func(string) bool) {
	type part struct {
		workflow *workflow
		print    string
	}
	several := slices.ContainsFunc(a.workflows, func(w *workflow) bool { return w != a.workflows[0] })
	given, met := map[string][]string{}, map[part]int{} // names by print
	next := 0
	for at, i := range a.jobs {
		p := part{workflow: a.workflows[at]}
		if several {
			p.print = i.planPrint()
		}
		for len(given[p.print]) == met[p] {
			next++
			if candidate := name + "-" + strconv.Itoa(next); !taken(candidate) {
				given[p.print] = append(given[p.print], candidate)
			}
		}
		i.name = given[p.print][met[p]]
		met[p]++
	}
}

// numbered returns the names of a group's members: as asked for, numbered where
// that repeats.
func numbered(members []*invocation) []string {
	count := map[string]int{}
	for _, i := range members {
		count[i.asked]++
	}
	next := map[string]int{}
	names := make([]string, 0, len(members))
	for _, i := range members {
		name := i.asked
		for count[i.asked] > 1 && count[name] > 0 {
			next[i.asked]++
			name = i.asked + "-" + strconv.Itoa(next[i.asked])
		}
		names = append(names, name)
	}
	return names
}

// sortedKeys returns the keys of a map in order, for results that do not depend
// on chance.
func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
