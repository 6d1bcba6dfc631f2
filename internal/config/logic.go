// SPDX-License-Identifier: MPL-2.0

package config

import (
	"regexp"

	"github.com/muster-ci/muster/internal/config/document"
)

// condition reads a logic statement whose references are replaced: a value, or
// a mapping with exactly one operator. Every part is read, so that a mistake in
// a part that does not matter today is told today.
func (c *compiler) condition(n *document.Node, depth int) bool {
	switch n.Kind {
	case document.Map:
		if len(n.Keys) != 1 {
			c.fail(n, "a logic statement has exactly one operator", "write one of and, or, not, equal, matches")
			return false
		}
		return c.operator(n.Keys[0].Text, n.Items[0], n.KeyAt(0), depth)
	case document.List:
		c.fail(n, "a logic statement cannot be a list", "write and: or or: before the list")
		return false
	default:
		return truthy(n)
	}
}

// truthy is false for false, null, zero, NaN and the empty string.
func truthy(n *document.Node) bool {
	if value, ok := n.AsBool(); ok {
		return value
	}
	switch n.Kind {
	case document.Null:
		return false
	case document.Int, document.Float:
		return n.Text != "0" && n.Text != "0.0" && n.Text != ".nan" && n.Text != "NaN"
	default:
		return n.Text != ""
	}
}

func (c *compiler) operator(name string, n, place *document.Node, depth int) bool {
	switch name {
	case "and", "or":
		if !c.operands(n) {
			return false
		}
		result := name == "and"
		for _, item := range n.Items {
			value := c.condition(item, depth+1)
			if name == "and" {
				result = result && value
			} else {
				result = result || value
			}
		}
		return result
	case "not":
		return !c.condition(n, depth+1)
	case "equal":
		if !c.operands(n) {
			return false
		}
		for _, item := range n.Items[1:] {
			if !equal(n.Items[0], item) {
				return false
			}
		}
		return true
	case "matches":
		return c.matches(n)
	}
	way := "write one of and, or, not, equal, matches"
	if near := suggest(name, []string{"and", "or", "not", "equal", "matches"}); near != "" {
		way = near + " " + way
	}
	c.fail(place, "extraneous key ["+clip(name)+"] is not permitted", way)
	return false
}

func (c *compiler) operands(n *document.Node) bool {
	if n.Kind != document.List || len(n.Items) == 0 {
		c.fail(n, "the operator takes a list that is not empty, found: "+n.Kind.String(), "write the values as a list")
		return false
	}
	return true
}

// equal compares values as CircleCI's map form does: by type and text.
func equal(a, b *document.Node) bool {
	if x, ok := a.AsBool(); ok {
		y, ok := b.AsBool()
		return ok && x == y
	}
	if a.Kind != b.Kind || a.Text != b.Text || len(a.Items) != len(b.Items) {
		return false
	}
	for i := range a.Items {
		if a.Kind == document.Map && a.Keys[i].Text != b.Keys[i].Text || !equal(a.Items[i], b.Items[i]) {
			return false
		}
	}
	return true
}

var matchesKeys = keySet{permitted: []string{"pattern", "value"}, required: []string{"pattern", "value"}}

func (c *compiler) matches(n *document.Node) bool {
	if !c.fields(n, matchesKeys) || n.Get("pattern") == nil || n.Get("value") == nil {
		return false
	}
	re := c.pattern(n.Get("pattern"), n.Get("pattern").Text)
	return re != nil && n.Get("value").Kind != document.Null && re.MatchString(n.Get("value").Text)
}

// pattern compiles a regular expression that must match the whole of a text.
func (c *compiler) pattern(n *document.Node, text string) *regexp.Regexp {
	// Compiled alone first, or a stray parenthesis would close the group.
	_, err := regexp.Compile(text)
	var re *regexp.Regexp
	if err == nil && len(text) <= 1000 {
		re, err = regexp.Compile(`\A(?:` + text + `)\z`)
	}
	if err != nil || re == nil {
		c.fail(n, "the regular expression "+clip(text)+" cannot be used", "Muster reads RE2's syntax: no look-around and no back-references, 1000 characters at most")
		return nil
	}
	return re
}
