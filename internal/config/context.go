// SPDX-License-Identifier: MPL-2.0

package config

import (
	"fmt"
	"regexp"
	"slices"

	"github.com/muster-ci/muster/internal/config/document"
)

const (
	maxContexts    = 100 // different ones of all workflows
	maxContextName = 200 // characters
)

// readContexts reads `context`: a name or a list of names. An expression that
// gives nothing asks for none.
func (c *compiler) readContexts(n *document.Node) []string {
	if n == nil || n.Kind == document.Null {
		return nil
	}
	items := []*document.Node{n}
	if n.Kind == document.List {
		items = n.Items
	}
	var list []string
	for _, item := range items {
		name := c.text(item)
		switch {
		case name == "":
			continue
		case len(name) > maxContextName:
			c.fail(item, fmt.Sprintf("%q is not the name of a context", clip(name)), fmt.Sprintf("use at most %d characters", maxContextName))
			continue
		case slices.Contains(list, name):
			c.warn(item, fmt.Sprintf("The context %s is listed twice", clip(name)), "the variables of a later one count; remove the first")
			list = slices.DeleteFunc(list, func(other string) bool { return other == name })
		}
		c.countContext(item, name)
		list = append(list, name)
	}
	return list
}

func (c *compiler) countContext(n *document.Node, name string) {
	if c.contexts == nil {
		c.contexts = map[string]bool{}
	}
	c.contexts[name] = true
	if len(c.contexts) > maxContexts {
		c.fail(n, fmt.Sprintf("The workflows use more than %d different contexts; that is the limit", maxContexts), "put variables that belong together into one context")
		panic(stopped{})
	}
}

var serialGroupForm = regexp.MustCompile(`^[A-Za-z0-9._/-]{1,512}$`)

// readSerialGroup reads the key of an organization-wide lock.
func (c *compiler) readSerialGroup(n *document.Node) string {
	if n == nil || n.Kind == document.Null {
		return ""
	}
	if n.Kind != document.String {
		c.wrongType(n, document.String)
		return ""
	}
	if !serialGroupForm.MatchString(n.Text) {
		c.fail(n, fmt.Sprintf("%q is not a serial-group", clip(n.Text)), "use 1 to 512 letters, digits, and . - _ /, after references are replaced")
		return ""
	}
	return n.Text
}

// checkSerialGroups warns of a key that several jobs of a workflow hold: those
// queue behind one another, and the order is not that of the workflow.
func (c *compiler) checkSerialGroups(w *workflow) {
	holders, told := map[string]string{}, map[string]bool{}
	hold := func(key, name string, place *document.Node) {
		if key == "" {
			return
		}
		if other, taken := holders[key]; taken {
			if told[key] {
				return
			}
			told[key] = true
			c.warn(place, fmt.Sprintf("The serial-group %s is held twice in the workflow %s, by %s and %s", clip(key), clip(w.name), clip(other), clip(name)),
				"put the jobs into one job group, and give that the serial-group")
			return
		}
		holders[key] = name
	}
	for _, i := range w.jobs {
		hold(i.serialGroup, i.asked, i.place)
	}
	for _, u := range w.groups {
		hold(u.serialGroup, u.name, u.place)
	}
}
