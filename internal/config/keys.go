// SPDX-License-Identifier: MPL-2.0

package config

import (
	"slices"
	"strings"

	"github.com/muster-ci/muster/internal/config/document"
)

// keySet says which keys a mapping may have.
type keySet struct {
	permitted []string
	required  []string
}

// The shapes of the language.
var (
	jobKeys = keySet{
		permitted: []string{
			"branches", "circleci_ip_ranges", "description", "docker", "environment", "executor", "key", "machine", "macos", "parallelism",
			"parameters", "plan_name", "resource_class", "retention", "shell", "steps", "type", "validation", "working_directory",
		},
	}
	executorKeys = keySet{
		permitted: []string{"description", "docker", "environment", "machine", "macos", "parameters", "resource_class", "shell", "working_directory"},
	}
	commandKeys = keySet{
		permitted: []string{"description", "parameters", "steps"},
		required:  []string{"steps"},
	}
	whenKeys     = keySet{permitted: []string{"condition", "steps"}, required: []string{"condition", "steps"}}
	workflowKeys = keySet{
		permitted: []string{"jobs", "max_auto_reruns", "triggers", "unless", "version", "when"},
		required:  []string{"jobs"},
	}
	approvalKeys = keySet{
		permitted: []string{"context", "filters", "name", "requires", "serial-group", "type"},
	}
	matrixKeys = keySet{permitted: []string{"alias", "exclude", "parameters"}, required: []string{"parameters"}}
	// callKeys are the keys beside which a job's parameters stand.
	callKeys = keySet{
		permitted: []string{"context", "filters", "matrix", "name", "override-with", "post-steps", "pre-steps", "requires", "serial-group", "type"},
	}
	filterKeys = keySet{permitted: []string{"branches", "tags"}}
	branchKeys = keySet{permitted: []string{"ignore", "only"}}
)

// fields checks that a node is a mapping with permitted keys only and all
// required ones. It returns false when n is no mapping.
func (c *compiler) fields(n *document.Node, set keySet, extra ...string) bool {
	if n.Kind != document.Map {
		c.wrongType(n, document.Map)
		return false
	}
	for i, key := range n.Keys {
		name := key.Text
		if slices.Contains(set.permitted, name) || slices.Contains(extra, name) {
			continue
		}
		c.extraneous(n.KeyAt(i), append(slices.Clone(set.permitted), extra...))
	}
	for _, name := range set.required {
		if n.Find(name) < 0 {
			c.fail(n, "required key ["+name+"] not found", "add it here; "+permittedKeys(append(slices.Clone(set.permitted), extra...)))
		}
	}
	return true
}

func (c *compiler) extraneous(key *document.Node, permitted []string) {
	if len(c.errors) >= maxErrors { // nobody reads the suggestion
		c.more++
		return
	}
	slices.Sort(permitted)
	way := permittedKeys(permitted)
	if near := suggest(key.Text, permitted); near != "" {
		way = near + " " + way
	}
	c.fail(key, "extraneous key ["+clip(key.Text)+"] is not permitted", way)
}

func permittedKeys(names []string) string { return "Permitted keys: " + strings.Join(names, ", ") }

func (c *compiler) wrongType(n *document.Node, want document.Kind) {
	way := ""
	switch {
	case want == document.String && n.IsScalar() && n.Kind != document.Null:
		way = "put quotes around it: \"" + clip(n.Text) + "\""
	case n.Kind == document.Null:
		way = "nothing stands here; check the indentation of the lines below"
	}
	c.fail(n, "expected type: "+want.String()+", found: "+n.Kind.String(), way)
}
