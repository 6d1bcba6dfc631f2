// SPDX-License-Identifier: MPL-2.0

package config

import (
	"slices"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/config/document"
)

// requirement is one entry of `requires`.
type requirement struct {
	place    *document.Node
	asked    string
	statuses []core.JobStatus
	job      *invocation // given by order
}

// succeeded is the usual requirement.
func succeeded(i *invocation) requirement {
	return requirement{place: i.place, statuses: []core.JobStatus{core.JobSuccess}, job: i}
}

// terminal is every status that a required job can end with.
var terminal = []core.JobStatus{core.JobSuccess, core.JobFailed, core.JobCanceled, core.JobUnauthorized, core.JobNotRun}

// requirements reads `requires`: names, or mappings of a name to one or more
// statuses.
func (c *compiler) requirements(n *document.Node) []requirement {
	if n.Kind == document.Null {
		return nil
	}
	if n.Kind != document.List {
		c.fail(n, "expected type: Sequence, found: "+n.Kind.String(), "write the required jobs as a list: requires: [name]")
		return nil
	}
	list := make([]requirement, 0, len(n.Items))
	for _, item := range n.Items {
		switch {
		case item.IsScalar() && item.Kind != document.Null:
			list = append(list, requirement{place: item, asked: item.Text, statuses: []core.JobStatus{core.JobSuccess}})
		case item.Kind == document.Map && len(item.Keys) > 0:
			for k, key := range item.Keys {
				list = append(list, requirement{place: item.KeyAt(k), asked: key.Text, statuses: c.statuses(item.Items[k])})
			}
		default:
			c.fail(item, "expected a job's name, found: "+item.Kind.String(), "write - name, or - name: failed")
		}
	}
	return list
}

func (c *compiler) statuses(n *document.Node) []core.JobStatus {
	words := []*document.Node{n}
	if n.Kind == document.List {
		words = n.Items
		if len(words) == 0 {
			c.fail(n, "a required job needs at least one status", "write success")
		}
	}
	known := []string{"terminal"}
	for _, s := range terminal {
		known = append(known, string(s))
	}
	var list []core.JobStatus
	for _, word := range words {
		switch status := c.oneOf(word, known...); status {
		case "":
		case "terminal":
			return terminal
		default:
			if s := core.JobStatus(status); !slices.Contains(list, s) {
				list = append(list, s)
			}
		}
	}
	if len(list) == len(terminal) {
		c.warn(n, "These are all statuses that a job can end with", "write terminal")
		return terminal
	}
	// One order whatever the file's, so that equal requirements are equal.
	slices.SortFunc(list, func(a, b core.JobStatus) int { return slices.Index(terminal, a) - slices.Index(terminal, b) })
	return list
}
