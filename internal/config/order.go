// SPDX-License-Identifier: MPL-2.0

package config

import (
	"fmt"
	"strconv"
	"strings"
)

// order names a workflow's jobs, finds what they require, and refuses cycles.
func (c *compiler) order(w *workflow) {
	byAsked := w.assignNames()
	byName := make(map[string]*invocation, len(w.jobs))
	for _, i := range w.jobs {
		byName[i.name] = i
	}
	for _, i := range w.jobs {
		for at := range i.requires {
			c.resolve(w, i, &i.requires[at], byAsked, byName)
		}
	}
	c.checkCycles(w)
}

// assignNames gives every job of the workflow a name of its own: a name that is asked
// for several times gets -1, -2 and so on.
func (w *workflow) assignNames() map[string][]*invocation {
	byAsked := make(map[string][]*invocation, len(w.jobs))
	for _, i := range w.jobs {
		byAsked[i.asked] = append(byAsked[i.asked], i)
	}
	next := map[string]int{}
	for _, i := range w.jobs {
		i.name = i.asked
		if len(byAsked[i.asked]) < 2 {
			continue
		}
		for {
			next[i.asked]++
			i.name = i.asked + "-" + strconv.Itoa(next[i.asked])
			if len(byAsked[i.name]) == 0 {
				break
			}
		}
	}
	return byAsked
}

func (c *compiler) resolve(w *workflow, i *invocation, r *requirement, byAsked map[string][]*invocation, byName map[string]*invocation) {
	if found := byAsked[r.asked]; len(found) == 1 {
		r.job = found[0]
		return
	} else if len(found) == 0 {
		if r.job = byName[r.asked]; r.job != nil {
			return
		}
	}
	if len(c.errors) >= maxErrors {
		c.more++
		return
	}
	way := "give the calls of the job a name each, and require those"
	if len(byAsked[r.asked]) == 0 {
		const enough = 1000 // of which a few are shown
		names := make([]string, 0, min(len(w.jobs), enough))
		for _, j := range w.jobs[:min(len(w.jobs), enough)] {
			names = append(names, j.name)
		}
		if way = suggest(r.asked, names); way == "" {
			way = "the jobs of this workflow are: " + listed(names)
		}
	}
	c.fail(r.place, fmt.Sprintf("Job '%s' requires '%s', which is the name of %d other jobs in workflow '%s'",
		clip(i.name), clip(r.asked), len(byAsked[r.asked]), clip(w.name)), way)
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
