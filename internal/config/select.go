// SPDX-License-Identifier: MPL-2.0

package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/muster-ci/muster/internal/config/document"
)

// reuseKeys are the top-level keys that need version 2.1.
var reuseKeys = []string{"commands", "executors", "job-groups", "orbs", "parameters", "setup"}

// selectDefinitions finds out what the file holds. It returns false when going
// on would only repeat the same mistake.
func (c *compiler) selectDefinitions() bool {
	if c.root.Kind != document.Map {
		c.wrongType(c.root, document.Map)
		return false
	}
	if !c.selectVersion() {
		return false
	}
	c.checkTopLevel()
	if at := c.root.Get("setup"); at != nil {
		c.inSetup, _ = at.AsBool()
	}
	if c.reuse {
		c.resolvePipelineParameters(c.root.Get("parameters"))
		c.readElements()
	} else {
		c.jobs = c.definitions("jobs", jobKeys)
		c.readJobOrder()
	}
	c.checkJobNames()
	return true
}

func (c *compiler) selectVersion() bool {
	const way = "write version: 2.1 as the first line"
	v := c.root.Get("version")
	if v == nil {
		c.fail(c.root, "Unsupported or missing workflows config version", way)
		return false
	}
	switch v.Text {
	case "2", "2.0":
	case "2.1":
		c.reuse = true
	default:
		c.fail(v, "Unsupported or missing workflows config version", way+"; 2, 2.0 and 2.1 are known")
		return false
	}
	return true
}

// checkTopLevel refuses what would change the meaning of the file. Other keys
// are free: they hold anchors.
func (c *compiler) checkTopLevel() {
	top, meant := topKeys(), append(slices.Clone(reuseKeys), "version", "jobs", "workflows")
	for i, key := range c.root.Keys {
		known := slices.Contains(reuseKeys, key.Text)
		switch {
		case known && !c.reuse && key.Text != "job-groups" && key.Text != "setup": // which a processed config has
			c.fail(c.root.KeyAt(i), fmt.Sprintf("extraneous key [%s] is not permitted", key.Text), "it needs version: 2.1")
		case key.Text == "experimental":
			c.warn(c.root.KeyAt(i), "The key [experimental] has no effect", "remove it: nobody is notified by it")
		case !known && !slices.Contains(top, key.Text):
			if near := c.near(key.Text, meant); near != "" {
				c.warn(c.root.KeyAt(i), fmt.Sprintf("The key [%s] has no meaning", key.Text), near)
			}
		}
	}
}

// readJobOrder keeps the jobs' names in the order of the text.
func (c *compiler) readJobOrder() {
	if jobs := c.root.Get("jobs"); jobs != nil && jobs.Kind == document.Map {
		for _, key := range jobs.Keys {
			c.jobOrder = append(c.jobOrder, key.Text)
		}
	}
}

// definitions reads a module's map of named elements.
func (c *compiler) definitions(section string, set keySet) map[string]*definition {
	n := c.root.Get(section)
	if n == nil || n.Kind == document.Null {
		return nil
	}
	if n.Kind != document.Map {
		c.wrongType(n, document.Map)
		return nil
	}
	found := make(map[string]*definition, len(n.Keys))
	for i, key := range n.Keys {
		d := &definition{owner: c.module, name: key.Text, node: n.Items[i], key: n.KeyAt(i)}
		if !c.fields(d.node, set) {
			continue
		}
		if c.reuse {
			d.parameters = c.declarations(d.node.Get("parameters"), section)
		} else if at := d.node.Find("parameters"); at >= 0 {
			c.fail(d.node.KeyAt(at), "extraneous key [parameters] is not permitted", "it needs version: 2.1")
		}
		found[key.Text] = d
	}
	return found
}

// checkJobNames looks at what a name may be; lower and upper case are the same.
func (c *compiler) checkJobNames() {
	seen := make(map[string]string, len(c.jobs))
	for _, name := range c.jobOrder {
		d := c.jobs[name]
		if d == nil {
			continue
		}
		c.checkName(d.key, name)
		lower := strings.ToLower(name)
		if other, ok := seen[lower]; ok {
			c.fail(d.key, fmt.Sprintf("The job names %q and %q differ only in case", clip(other), clip(name)), "rename one of them")
		}
		seen[lower] = name
	}
}

func (c *compiler) checkName(place *document.Node, name string) {
	if strings.TrimSpace(name) == "" || len(name) > maxName || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		c.fail(place, fmt.Sprintf("%q is not a job name", clip(name)), fmt.Sprintf("use 1 to %d characters, no line breaks", maxName))
	}
}
