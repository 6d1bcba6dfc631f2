// SPDX-License-Identifier: MPL-2.0

package config

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/muster-ci/muster/internal/config/document"
)

// fits checks the type of an argument.
func (c *compiler) fits(p parameter, n *document.Node) bool {
	ok, way := suits(p, n)
	if !ok {
		c.fail(n, fmt.Sprintf("Type error for argument %s: expected type: %s, actual value: %s", p.name, p.kind, describe(n, `"`)), way)
	}
	return ok
}

// defaultFits checks the type of a default.
func (c *compiler) defaultFits(p parameter) bool {
	ok, way := suits(p, p.fallback)
	if !ok {
		c.fail(p.fallback, fmt.Sprintf("Parameter error: default value of parameter '%s' is %s: expected type %s", p.name, describe(p.fallback, "'"), p.kind), way)
	}
	return ok
}

// suits tells whether a value has the type of a parameter, and if not, what to
// write. A pipeline value that is absent is a text without characters, or false.
func suits(p parameter, n *document.Node) (ok bool, way string) {
	_, isBool := n.AsBool()
	if n.Template {
		return true, "" // a mistake stands in it, which was told
	}
	if isAbsent(n) && (p.kind == "string" || p.kind == "boolean") {
		return true, ""
	}
	switch p.kind {
	case "string":
		ok = n.Kind == document.String && !isBool
		if n.IsScalar() && n.Kind != document.Null {
			way = "put quotes around it"
		}
	case "boolean":
		ok, way = isBool, "write true or false, without quotes"
	case "integer":
		ok = n.Kind == document.Int
		if _, err := strconv.Atoi(n.Text); err == nil {
			way = "remove the quotes"
		}
	case "enum":
		ok = n.IsScalar() && slices.ContainsFunc(p.enum, func(v *document.Node) bool { return v.Text == n.Text })
		way = enumWay(p, n)
	case "executor":
		ok, way = n.Kind == document.String || n.Kind == document.Map && n.Get("name") != nil, "write the executor's name, or a mapping of name and its parameters"
	case "steps":
		ok, way = n.Kind == document.List, "write a list of steps, [] for none"
	case "env_var_name":
		ok, way = n.Kind == document.String && variableName.MatchString(n.Text), "write the name of a variable: letters, digits and _, no digit first, no $"
	}
	return ok, way
}

// isAbsent tells whether a value is that of a pipeline value which the trigger
// does not have.
func isAbsent(n *document.Node) bool { return n.Kind == document.Null && n.Text == absentValue }

func enumWay(p parameter, n *document.Node) string {
	values := make([]string, 0, len(p.enum))
	for _, v := range p.enum {
		values = append(values, v.Text)
	}
	way := "write one of " + listed(values)
	if near := suggest(n.Text, values); near != "" {
		way = near + " " + way
	}
	return way
}

// typeNames are the kinds of nodes as parameters call them.
var typeNames = map[document.Kind]string{
	document.Null: "null", document.Bool: "boolean", document.Int: "integer", document.Float: "number",
	document.String: "string", document.List: "list", document.Map: "mapping",
}

func describe(n *document.Node, quote string) string {
	kind := typeNames[n.Kind]
	if _, isBool := n.AsBool(); isBool {
		kind = typeNames[document.Bool]
	}
	if !n.IsScalar() || n.Kind == document.Null {
		return "a " + kind
	}
	return quote + clip(n.Text) + quote + " (type " + kind + ")"
}

// arguments matches what a call gives with what is declared. Names lists the
// given arguments, place is where the call stands.
func (c *compiler) arguments(declared []parameter, given map[string]*document.Node, names []string, place *document.Node) (map[string]*document.Node, bool) {
	c.labour(place, givenWeight*(len(declared)+len(names)))
	values := c.valueMap(len(declared))
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
			values[p.name] = nil
			missing = append(missing, p.name)
		}
	}
	for _, name := range names {
		if _, known := values[name]; !known {
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

// valueMap returns an empty map: one that was given back, when there is one. A
// call is often all that its arguments live for.
func (c *compiler) valueMap(size int) map[string]*document.Node {
	last := len(c.spare) - 1
	if last < 0 {
		return make(map[string]*document.Node, size)
	}
	values := c.spare[last]
	c.spare = c.spare[:last]
	return values
}

// giveBack takes the arguments of a call that is over.
func (c *compiler) giveBack(values map[string]*document.Node) {
	if len(values) <= maxPartNames { // clearing costs what the largest use cost
		clear(values)
		c.spare = append(c.spare, values)
	}
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
			given[p.name] = p.enum[0]
		default:
			given[p.name] = textNode("x", p.place)
		}
	}
	return given
}
