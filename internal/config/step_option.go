// SPDX-License-Identifier: MPL-2.0

package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/config/document"
)

// options checks what stands below the name of a built-in step: nothing, or a
// mapping. A key that the step does not have is left out with a warning, which
// is what CircleCI does. It returns false when a required key is missing, after
// it was told.
func (c *compiler) options(step string, n, place *document.Node, set keySet) bool {
	if n == nil || n.Kind == document.Null {
		if len(set.required) > 0 {
			c.fail(place, "required key ["+set.required[0]+"] not found",
				fmt.Sprintf("the keys of %s stand indented below it; %s", step, permittedKeys(set.permitted)))
		}
		return len(set.required) == 0
	}
	if n.Kind != document.Map {
		c.fail(n, "expected type: Mapping, found: "+n.Kind.String(), fmt.Sprintf("the keys of %s stand indented below it; %s", step, permittedKeys(set.permitted)))
		return false
	}
	for i, key := range n.Keys {
		if slices.Contains(set.permitted, key.Text) {
			continue
		}
		way := permittedKeys(set.permitted)
		if near := suggest(key.Text, set.permitted); near != "" {
			way = near + " " + way
		}
		c.warn(n.KeyAt(i), fmt.Sprintf("%s has no %s option, so this is ignored.", step, clip(key.Text)), way)
	}
	ok := true
	for _, name := range set.required {
		if n.Find(name) < 0 {
			c.fail(n, "required key ["+name+"] not found", misspelt(n, name, set)+permittedKeys(set.permitted))
			ok = false
		}
	}
	return ok
}

// misspelt says which key of a mapping was probably meant to be the missing one.
func misspelt(n *document.Node, missing string, set keySet) string {
	for _, key := range n.Keys {
		if !slices.Contains(set.permitted, key.Text) && suggest(key.Text, []string{missing}) != "" {
			return fmt.Sprintf("rename %s to %s; ", clip(key.Text), missing)
		}
	}
	return "add it here; "
}

// title is what people see of a step: its `name`, or the usual words for it.
func (c *compiler) title(n *document.Node, usual string) string {
	if name := c.text(n.Get("name")); strings.TrimSpace(name) != "" {
		return name
	}
	return usual
}

// when reads in which state of the job a step runs.
func (c *compiler) when(n *document.Node) core.When {
	return core.When(c.oneOf(n.Get("when"), string(core.WhenOnSuccess), string(core.WhenOnFail), string(core.WhenAlways)))
}

// filled reads a text that must not be empty.
func (c *compiler) filled(n *document.Node) string {
	text := c.text(n)
	if n != nil && n.Kind == document.String && strings.TrimSpace(text) == "" {
		c.fail(n, "the value is empty", "write one, or remove the key if it is not required")
	}
	return text
}

// texts reads a list of texts, or one text for a list of one.
func (c *compiler) texts(n *document.Node) []string {
	if n == nil {
		return nil
	}
	if n.Kind == document.String {
		return []string{c.filled(n)}
	}
	if n.Kind != document.List {
		c.fail(n, "expected type: Sequence, found: "+n.Kind.String(), "write a list of texts, or one text")
		return nil
	}
	if len(n.Items) == 0 {
		c.fail(n, "the list is empty", "list at least one value")
	}
	list := make([]string, 0, len(n.Items))
	for _, item := range n.Items {
		list = append(list, c.filled(item))
	}
	return list
}
