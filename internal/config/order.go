// SPDX-License-Identifier: MPL-2.0

package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/muster-ci/muster/core"
)

// maxEdges bounds the requirements of all jobs together: where a matrix
// requires a matrix they are as many as the product of both.
const maxEdges = 100_000

// order finds what the jobs of a workflow require, and refuses cycles.
func (c *compiler) order(w *workflow) {
	for _, u := range w.groups {
		c.orderGroup(w, u)
	}
	c.checkGroupNames(w)
	if !slices.ContainsFunc(w.jobs, func(i *invocation) bool { return len(i.requires) > 0 }) {
		return
	}
	known := newLookup()
	for _, i := range w.jobs {
		if i.group == nil {
			known.add(i, i.name)
		}
	}
	for _, u := range w.groups {
		known.asked[u.name] = append(known.asked[u.name], u.end)
	}
	for _, i := range w.jobs {
		if i.group == nil || i == i.group.start {
			c.resolve(w, i, known)
		}
	}
	c.checkCycles(w)
}

// lookup is what `requires` may name: what a job is called in the file, the
// alias of a matrix, or the name that a job got in the end.
type lookup struct {
	jobs   []*invocation
	asked  map[string][]*invocation
	alias  map[string][]*invocation
	byName map[string]*invocation
}

func newLookup() *lookup {
	return &lookup{asked: map[string][]*invocation{}, alias: map[string][]*invocation{}, byName: map[string]*invocation{}}
}

func (l *lookup) add(i *invocation, name string) {
	l.jobs = append(l.jobs, i)
	l.asked[i.asked] = append(l.asked[i.asked], i)
	if i.alias != "" {
		l.alias[i.alias] = append(l.alias[i.alias], i)
	}
	l.byName[name] = i
}

// find returns the jobs that a name stands for when a job requires it; none
// for one that is unknown or not clear. No job means itself: of two jobs with
// one name the second may require the first by it.
func (l *lookup) find(name string, by *invocation) []*invocation {
	others := l.others(name, by)
	switch {
	case others == 1 && l.asked[name][0] == by:
		return l.asked[name][1:]
	case others == 1:
		return l.asked[name][:1]
	case len(l.alias[name]) > 0:
		return l.alias[name]
	case others == 0 && l.byName[name] != nil && l.byName[name] != by:
		return []*invocation{l.byName[name]}
	}
	return nil
}

// others counts the jobs that ask for a name, but for one.
func (l *lookup) others(name string, but *invocation) int {
	if but.asked == name && len(l.asked[name]) > 0 {
		return len(l.asked[name]) - 1
	}
	return len(l.asked[name])
}

// resolve puts jobs in the place of the names that a job requires.
func (c *compiler) resolve(w *workflow, i *invocation, known *lookup) {
	if len(i.requires) == 0 {
		return
	}
	resolved := make([]requirement, 0, len(i.requires))
	for _, r := range i.requires {
		found := known.find(r.asked, i)
		if c.edges += len(found); c.edges > maxEdges {
			c.fail(r.place, fmt.Sprintf("The jobs require one another more than %d times; that is the limit", maxEdges), "put a no-op job between: it requires the one side, and the other side requires it")
			panic(stopped{})
		}
		for _, job := range found {
			r.job = job
			resolved = append(resolved, r)
		}
		if len(found) == 0 {
			c.unresolved(w, i, r, known)
		}
	}
	i.requires = resolved
}

// unresolved tells that a name stands for no job, or for several.
func (c *compiler) unresolved(w *workflow, i *invocation, r requirement, known *lookup) {
	if len(c.errors) >= maxErrors {
		c.more++
		return
	}
	if slices.ContainsFunc(c.errors, func(e core.ConfigError) bool {
		return e.Line == r.place.Line && e.Column == r.place.Column && !strings.HasPrefix(e.Message, "Job '")
	}) {
		return // its reference could not be replaced, which was told
	}
	count := known.others(r.asked, i)
	way := "give the calls of the job a name each, and require those"
	if count == 0 {
		const enough = 1000 // of which a few are shown
		names := make([]string, 0, min(len(known.jobs), enough))
		for _, j := range known.jobs[:min(len(known.jobs), enough)] {
			names = append(names, j.asked)
		}
		way = suggest(r.asked, names)
		switch u := w.ownerGroup(r.asked); {
		case way != "":
		case i.own != "":
			way = "jobs of a group require only one another: " + listed(names)
		case u != nil:
			way = fmt.Sprintf("it is a job of the group %s; require the group", clip(u.name))
		default:
			way = "the jobs of this workflow are: " + listed(names)
		}
	}
	c.fail(r.place, fmt.Sprintf("Job '%s' requires '%s', which is the name of %d other jobs in workflow '%s'",
		clip(i.title()), clip(r.asked), count, clip(w.name)), way)
}

// checkCycles takes away jobs whose requirements are all taken away, until none
// is left or the rest are in or behind cycles.
func (c *compiler) checkCycles(w *workflow) {
	waits := make(map[*invocation]int, len(w.jobs))
	dependents := make(map[*invocation][]*invocation, len(w.jobs))
	var free []*invocation
	for _, i := range w.jobs {
		for _, r := range i.requires {
			if r.job != nil {
				waits[i]++
				dependents[r.job] = append(dependents[r.job], i)
			}
		}
		if waits[i] == 0 {
			free = append(free, i)
		}
	}
	anyFree := len(free) > 0
	done := 0
	for ; done < len(free); done++ {
		for _, d := range dependents[free[done]] {
			if waits[d]--; waits[d] == 0 {
				free = append(free, d)
			}
		}
	}
	if done < len(w.jobs) {
		c.unreachable(w, waits, anyFree)
	}
}

func (c *compiler) unreachable(w *workflow, waits map[*invocation]int, anyFree bool) {
	var names []string
	var first *invocation
	for _, i := range w.jobs {
		if waits[i] > 0 {
			names = append(names, i.name)
			if first == nil {
				first = i
			}
		}
	}
	message := "The following jobs are unreachable: " + listed(names)
	if !anyFree {
		message = "At least one job in the workflow must have no dependencies.\n" + message
	}
	way := "remove one of the requires in this circle: " + circle(first, waits)
	c.within(w.calling(), func() { c.fail(first.place, message, way) })
}

// circle walks from a job to what it waits for until a job comes again.
func circle(from *invocation, waits map[*invocation]int) string {
	at := map[*invocation]int{}
	var walk []string
	for i := from; ; {
		if start, seen := at[i]; seen {
			if len(walk)-start > 20 {
				walk = append(walk[:start+20], "...")
			}
			return strings.Join(append(walk[start:], i.name), " -> ")
		}
		at[i] = len(walk)
		walk = append(walk, clip(i.name))
		for _, r := range i.requires {
			if r.job != nil && waits[r.job] > 0 {
				i = r.job
				break
			}
		}
	}
}
