// SPDX-License-Identifier: MPL-2.0

package convert

import (
	"slices"
	"strings"

	"github.com/muster-ci/muster/internal/config/document"
)

// Comments are kept beside what they are about: above a block or an attribute,
// behind its first line, or below it. What is about a part of a value that
// becomes an expression, or about a key that HCL does not have, such as `jobs`,
// goes above what is written for it. What is left then goes to the end.

// entries calls f for the entries of a map, each with its comments.
func (c *converter) entries(n *document.Node, f func(name string, value *document.Node)) {
	c.entriesBut(n, nil, f)
}

// entriesBut leaves some keys out.
func (c *converter) entriesBut(n *document.Node, skip []string, f func(name string, value *document.Node)) {
	if n == nil || n.Kind != document.Map {
		return
	}
	for i, key := range n.Keys {
		if !slices.Contains(skip, key.Text) {
			c.entry(key, n.Items[i], func() { f(key.Text, n.Items[i]) })
		}
	}
}

// entry writes what f makes of an entry of a map.
func (c *converter) entry(key document.Key, value *document.Node, f func()) {
	about := c.comments.Take(key.Line, key.Column)
	// A map of lines begins where its first key does, whose comment is not this
	// entry's.
	if value.Kind != document.Map || value.Line == key.Line {
		own := c.comments.Take(value.Line, value.Column)
		about.Head, about.Line, about.Foot = lines(about.Head, own.Head), lines(about.Line, own.Line), lines(about.Foot, own.Foot)
	}
	c.commented(about, value, f)
}

// key writes what f makes of the value of a key, if there is one.
func (c *converter) key(n *document.Node, name string, f func(value *document.Node)) {
	if i := n.Find(name); i >= 0 {
		c.entry(n.Keys[i], n.Items[i], func() { f(n.Items[i]) })
	}
}

// item writes what f makes of an item of a list.
func (c *converter) item(n *document.Node, f func()) {
	c.commented(c.comments.Take(n.Line, n.Column), n, f)
}

// section writes what f makes of the value of a key that itself is not written.
func (c *converter) section(n *document.Node, name string, f func(value *document.Node)) {
	i := n.Find(name)
	if i < 0 {
		f(nil)
		return
	}
	about := c.comments.Take(n.Keys[i].Line, n.Keys[i].Column)
	about.Head, about.Line = lines(about.Head, about.Line), ""
	c.commented(about, n.Items[i], func() { f(n.Items[i]) })
}

// commented writes what f writes with a comment about it. A comment about
// nothing waits for what is written next.
func (c *converter) commented(about document.Comment, below *document.Node, f func()) {
	above := lines(c.pending, about.Head)
	outer, apart := c.b, c.apart
	c.pending, c.b, c.apart = "", &strings.Builder{}, false
	f()
	written, inside := c.b.String(), c.apart
	c.b, c.apart = outer, apart
	above = lines(above, c.comments.TakeBelow(below))
	if written == "" {
		c.pending = lines(lines(above, about.Line), lines(about.Foot, c.pending))
		return
	}
	body, gap := strings.CutPrefix(written, "\n")
	first, rest, _ := strings.Cut(body, "\n")
	if about.Line != "" && !strings.Contains(about.Line, "\n") && (rest == "" || strings.HasSuffix(first, "{")) {
		body, about.Line = first+" "+about.Line+"\n"+rest, ""
	}
	above = lines(above, about.Line)
	if gap || apart {
		outer.WriteString("\n")
	}
	c.remark(above)
	outer.WriteString(body)
	c.remark(about.Foot)
	c.apart = inside || about.Foot != ""
}

// lines joins comments that may be empty.
func lines(a, b string) string { return strings.Trim(a+"\n"+b, "\n") }
