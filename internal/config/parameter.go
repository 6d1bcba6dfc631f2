// SPDX-License-Identifier: MPL-2.0

package config

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"unicode/utf8"

	"github.com/muster-ci/muster/internal/config/document"
)

// parameter is one declaration under `parameters:`.
type parameter struct {
	name     string
	kind     string
	enum     []*document.Node
	fallback *document.Node // default; nil means that an argument is required
	place    *document.Node
}

var (
	parameterKeys = keySet{permitted: []string{"default", "description", "enum", "type"}, required: []string{"type"}}

	// parameterTypes are the types by the section whose elements declare them.
	parameterTypes = map[string][]string{
		"pipeline":  {"string", "boolean", "integer", "enum"},
		"executors": {"string", "boolean", "integer", "enum"},
		"jobs":      {"string", "boolean", "integer", "enum", "executor", "steps", "env_var_name"},
		"commands":  {"string", "boolean", "integer", "enum", "executor", "steps", "env_var_name"},
	}

	// reservedParameters stand beside the arguments of a job; a call cannot set
	// shadowedParameters, so that they only ever have their defaults.
	reservedParameters = []string{"name", "requires", "context", "type", "filters", "matrix"}
	shadowedParameters = []string{"pre-steps", "post-steps", "serial-group", "override-with"}

	variableName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)
)

// Limits of parameters. The first is ours; the others are those of CircleCI's
// API for what a trigger gives.
const (
	maxParameters = 1000 // that one element declares
	maxGiven      = 100
	maxGivenName  = 128 // characters
	maxGivenValue = 512 // characters
)

// declarations reads a `parameters:` map of one element.
func (c *compiler) declarations(n *document.Node, section string) []parameter {
	if n == nil || n.Kind == document.Null {
		return nil
	}
	if n.Kind != document.Map {
		c.wrongType(n, document.Map)
		return nil
	}
	if len(n.Keys) > maxParameters {
		c.fail(n, fmt.Sprintf("%d parameters are declared; %d is the limit", len(n.Keys), maxParameters), "split the element, or read the values from a file")
		return nil
	}
	list := make([]parameter, 0, len(n.Keys))
	for i, key := range n.Keys {
		at := n.KeyAt(i)
		switch {
		case section != "jobs":
		case slices.Contains(reservedParameters, key.Text):
			c.fail(at, fmt.Sprintf("The parameter name %q is reserved", key.Text), "a call of the job has a key of that name; choose another one")
		case slices.Contains(shadowedParameters, key.Text):
			c.warn(at, fmt.Sprintf("No workflow can give the parameter %q a value", key.Text), "a call of the job has a key of that name; choose another one")
		}
		if p, ok := c.declaration(key.Text, n.Items[i], section); ok {
			p.place = at
			list = append(list, p)
		}
	}
	return list
}

func (c *compiler) declaration(name string, n *document.Node, section string) (parameter, bool) {
	if !c.fields(n, parameterKeys) {
		return parameter{}, false
	}
	p := parameter{name: name, kind: c.oneOf(n.Get("type"), parameterTypes[section]...), fallback: c.fallback(n.Get("default"), section)}
	if p.kind == "" || !c.enumValues(&p, n) {
		return p, false
	}
	if p.fallback != nil && !c.defaultFits(p) {
		return p, false
	}
	if section == "pipeline" && p.fallback == nil {
		c.fail(n, "a pipeline parameter needs a default", "add default:, it counts when the trigger gives no value")
		return p, false
	}
	return p, true
}

// enumValues reads the list of an enum. Its values may be of any type.
func (c *compiler) enumValues(p *parameter, n *document.Node) bool {
	enum := n.Get("enum")
	switch {
	case p.kind != "enum" && enum != nil:
		c.warn(enum, fmt.Sprintf("a parameter of type %s has no enum, so this is ignored", p.kind), "write type: enum")
	case p.kind != "enum":
	case enum == nil || enum.Kind != document.List || len(enum.Items) == 0:
		c.fail(n, "a parameter of type enum needs the list of its values", "add enum: [one, two]")
		return false
	default:
		for _, item := range enum.Items {
			if !item.IsScalar() || item.Kind == document.Null {
				c.wrongType(item, document.String)
				return false
			}
		}
		p.enum = enum.Items
	}
	return true
}

// fallback reads a default. Pipeline values and parameters may stand in it,
// but not in the defaults of pipeline parameters themselves.
func (c *compiler) fallback(n *document.Node, section string) *document.Node {
	if n != nil && n.Template && section == "pipeline" {
		c.fail(n, "The default of a pipeline parameter cannot refer to anything", "write the value out")
		return n
	}
	return c.substitute(n, scope{})
}

// resolvePipelineParameters merges what the trigger gives with the defaults.
func (c *compiler) resolvePipelineParameters(n *document.Node) {
	declared := c.declarations(n, "pipeline")
	c.declared = declared
	given := make(map[string]*document.Node, min(len(c.request.Parameters), maxGiven))
	var names []string
	if len(c.request.Parameters) > maxGiven {
		c.fail(nil, fmt.Sprintf("The trigger gives %d pipeline parameters; %d is the limit", len(c.request.Parameters), maxGiven), "give fewer, or put values into a file")
	} else {
		names = slices.Sorted(maps.Keys(c.request.Parameters))
	}
	kept := names[:0]
	for _, name := range names {
		if value := c.givenParameter(name, c.request.Parameters[name]); value != nil {
			kept = append(kept, name)
			given[name] = value
		}
	}
	c.parameters, _ = c.arguments(declared, given, kept, n)
}

// givenParameter reads a parameter of the trigger, nil after a mistake.
func (c *compiler) givenParameter(name string, value any) *document.Node {
	if length := utf8.RuneCountInString(name); length > maxGivenName {
		c.fail(nil, fmt.Sprintf("The name of the pipeline parameter %s has %d characters; %d is the limit", clip(name), length, maxGivenName), "use a shorter name")
		return nil
	}
	n, ok := fromTrigger(value)
	if !ok {
		c.fail(nil, fmt.Sprintf("The pipeline parameter %s has a value of type %T", clip(name), value), "send a string, a whole number or a boolean")
		return nil
	}
	if length := utf8.RuneCountInString(n.Text); length > maxGivenValue {
		c.fail(nil, fmt.Sprintf("The value of the pipeline parameter %s has %d characters; %d is the limit", clip(name), length, maxGivenValue), "put long values into a file of the repository")
		return nil
	}
	return n
}
