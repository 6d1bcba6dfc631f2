// SPDX-License-Identifier: MPL-2.0

package config

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"github.com/muster-ci/muster/internal/config/document"
)

// parameter is one declaration under `parameters:`.
type parameter struct {
	name     string
	kind     string
	enum     []string
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

	// reservedParameters stand beside the arguments of a job.
	reservedParameters = []string{"name", "requires", "context", "type", "filters", "matrix"}

	variableName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)
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
	list := make([]parameter, 0, len(n.Keys))
	for i, key := range n.Keys {
		at := n.KeyAt(i)
		if section == "jobs" && slices.Contains(reservedParameters, key.Text) {
			c.fail(at, fmt.Sprintf("The parameter name %q is reserved", key.Text), "a call of the job has a key of that name; choose another one")
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
	if p.kind == "" {
		return p, false
	}
	enum := n.Get("enum")
	switch {
	case p.kind == "enum" && (enum == nil || enum.Kind != document.List || len(enum.Items) == 0):
		c.fail(n, "a parameter of type enum needs the list of its values", "add enum: [one, two]")
		return p, false
	case p.kind == "enum":
		p.enum = c.words(enum)
	case enum != nil:
		c.fail(enum, fmt.Sprintf("a parameter of type %s has no enum", p.kind), "write type: enum")
	}
	if p.fallback != nil && !c.fits(p, p.fallback) {
		return p, false
	}
	if section == "pipeline" && p.fallback == nil {
		c.fail(n, "a pipeline parameter needs a default", "add default:, it counts when the trigger gives no value")
		return p, false
	}
	return p, true
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

// fits checks the type of an argument or a default.
func (c *compiler) fits(p parameter, n *document.Node) bool {
	ok := false
	switch p.kind {
	case "string":
		ok = n.Kind == document.String
	case "boolean":
		_, ok = n.AsBool()
	case "integer":
		ok = n.Kind == document.Int
	case "enum":
		ok = n.IsScalar() && slices.Contains(p.enum, n.Text)
		if !ok && n.IsScalar() {
			c.fail(n, fmt.Sprintf("%q is not a value of the parameter %s", clip(n.Text), p.name), "write one of "+listed(p.enum))
			return false
		}
	case "executor":
		ok = n.Kind == document.String || n.Kind == document.Map
	case "steps":
		ok = n.Kind == document.List
	case "env_var_name":
		ok = n.Kind == document.String && variableName.MatchString(n.Text)
	}
	if !ok {
		way := ""
		if p.kind == "string" && n.IsScalar() {
			way = "put quotes around it"
		}
		c.fail(n, fmt.Sprintf("Type error for argument %s: expected type: %s, actual value: %s", p.name, p.kind, describe(n)), way)
	}
	return ok
}

func describe(n *document.Node) string {
	if n.IsScalar() && n.Kind != document.Null {
		return fmt.Sprintf("%q (type %s)", clip(n.Text), n.Kind)
	}
	return n.Kind.String()
}

// arguments matches what a call gives with what is declared. Names lists the
// given arguments, place is where the call stands.
func (c *compiler) arguments(declared []parameter, given map[string]*document.Node, names []string, place *document.Node) (map[string]*document.Node, bool) {
	values := make(map[string]*document.Node, len(declared))
	ok := true
	var missing []string
	for _, p := range declared {
		value, present := given[p.name]
		switch {
		case present:
			ok = c.fits(p, value) && ok
			values[p.name] = c.handed(p, canonical(p, value))
		case p.fallback != nil:
			values[p.name] = canonical(p, p.fallback)
		default:
			missing = append(missing, p.name)
		}
	}
	for _, name := range names {
		if !slices.ContainsFunc(declared, func(p parameter) bool { return p.name == name }) {
			c.fail(argumentPlace(given[name], place), "Unexpected argument(s): "+clip(name), declaredNames(declared, name))
			ok = false
		}
	}
	if len(missing) > 0 {
		c.fail(place, "Missing required argument(s): "+listed(missing), "give each a value in the call, or a default in the declaration")
		ok = false
	}
	return values, ok
}

func argumentPlace(n, place *document.Node) *document.Node {
	if n != nil {
		return n
	}
	return place
}

func declaredNames(declared []parameter, name string) string {
	if len(declared) == 0 {
		return "it declares no parameters"
	}
	names := make([]string, 0, len(declared))
	for _, p := range declared {
		names = append(names, p.name)
	}
	if near := suggest(name, names); near != "" {
		return near
	}
	return "it declares: " + listed(names)
}

// canonical gives a boolean its plain spelling, so that `yes` reads as true in
// a command too.
func canonical(p parameter, n *document.Node) *document.Node {
	if p.kind != "boolean" {
		return n
	}
	value, _ := n.AsBool()
	return document.Scalar(document.Bool, strconv.FormatBool(value), n)
}

// samples makes up arguments for an element that nobody calls, so that its
// mistakes show too.
func samples(declared []parameter) map[string]*document.Node {
	given := map[string]*document.Node{}
	for _, p := range declared {
		if p.fallback != nil {
			continue
		}
		switch p.kind {
		case "steps":
			given[p.name] = (&document.Node{Kind: document.List}).With(nil).At(p.place)
		case "boolean":
			given[p.name] = document.Scalar(document.Bool, "false", p.place)
		case "integer":
			given[p.name] = document.Scalar(document.Int, "1", p.place)
		case "enum":
			given[p.name] = document.Scalar(document.String, p.enum[0], p.place)
		default:
			given[p.name] = document.Scalar(document.String, "x", p.place)
		}
	}
	return given
}

// resolvePipelineParameters merges what the trigger gives with the defaults.
func (c *compiler) resolvePipelineParameters(n *document.Node) {
	declared := c.declarations(n, "pipeline")
	given := make(map[string]*document.Node, len(c.request.Parameters))
	var names []string
	for name, value := range c.request.Parameters {
		node, ok := fromTrigger(value)
		if !ok {
			c.fail(nil, fmt.Sprintf("The pipeline parameter %s has a value of type %T", clip(name), value), "send a string, a whole number or a boolean")
			continue
		}
		names = append(names, name)
		given[name] = node
	}
	slices.Sort(names)
	c.parameters, _ = c.arguments(declared, given, names, n)
}
