// SPDX-License-Identifier: MPL-2.0

package convert

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/muster-ci/muster/internal/config"
	"github.com/muster-ci/muster/internal/config/document"
)

// value writes any value as an expression.
func (c *converter) value(n *document.Node) string {
	switch n.Kind {
	case document.Null:
		return "null"
	case document.List:
		items := make([]string, 0, len(n.Items))
		for _, item := range n.Items {
			items = append(items, c.value(item))
		}
		return "[" + strings.Join(items, ", ") + "]"
	case document.Map:
		return c.object(n)
	case document.Int:
		return n.Text
	case document.Float:
		if !decimal.MatchString(n.Text) {
			return quote(n.Text) // not a number, or infinite
		}
		return n.Text
	case document.Bool:
		if value, ok := n.AsBool(); ok && value {
			return "true"
		}
		return "false"
	}
	return c.text(n)
}

var decimal = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

func (c *converter) object(n *document.Node) string {
	if len(n.Keys) == 0 {
		return "{}"
	}
	var b strings.Builder
	b.WriteString("{\n")
	each(n, func(name string, value *document.Node) { b.WriteString(key(name) + " = " + c.value(value) + "\n") })
	b.WriteString("}")
	return b.String()
}

// text writes a string: its tags become interpolations, several lines a heredoc.
func (c *converter) text(n *document.Node) string {
	if !c.reuse || !n.Template {
		return plain(n.Text)
	}
	return c.template(n)
}

// plain writes a text without tags.
func plain(text string) string {
	if !strings.Contains(text, "\n") || !heredocFits(text) {
		return quote(text)
	}
	return heredoc(heredocEscapes.Replace(text))
}

// heredocFits tells whether a text can stand between the lines of a heredoc as
// it is: it ends in a line break and holds neither the mark nor control bytes.
func heredocFits(text string) bool {
	return strings.HasSuffix(text, "\n") && !strings.Contains(text, "EOT") && !strings.ContainsAny(text, "\r\x00")
}

func heredoc(text string) string { return "<<EOT\n" + text + "EOT" }

// environment writes its three forms as a block, which keeps the order. Of a
// repeated name the last value counts, as in the config.
func (c *converter) environment(n *document.Node) {
	var names []string
	values, places := map[string]string{}, map[string]document.Entry{}
	add := func(name, value string) {
		if _, ok := values[name]; !ok {
			names = append(names, name)
		}
		values[name] = value
	}
	fromMap := func(m *document.Node) {
		for i, key := range m.Keys {
			add(key.Text, c.variable(m.Items[i]))
			places[key.Text] = document.Entry{Key: key, Value: m.Items[i]}
		}
	}
	var read func(*document.Node)
	read = func(item *document.Node) {
		switch item.Kind {
		case document.Map:
			fromMap(item)
		case document.List:
			for _, inner := range item.Items {
				read(inner)
			}
		default:
			name, value, _ := strings.Cut(item.Text, "=")
			copied := *item
			copied.Text = value
			add(name, c.text(&copied))
		}
	}
	read(n)
	asBlock := true
	for _, name := range names {
		asBlock = asBlock && identifier.MatchString(name)
	}
	write := func() {
		for _, name := range names {
			attribute := func() { c.attribute(key(name), values[name]) }
			if at, ok := places[name]; ok {
				c.entry(at.Key, at.Value, attribute)
				continue
			}
			attribute()
		}
	}
	if asBlock {
		c.block("environment", nil, write)
		return
	}
	c.b.WriteString("environment = {\n")
	write()
	c.b.WriteString("}\n")
}

// variable writes the value of a variable, which is text whatever it looks like.
func (c *converter) variable(v *document.Node) string {
	if value, ok := v.AsBool(); ok {
		return quote(strconv.FormatBool(value))
	}
	switch v.Kind {
	case document.Null:
		return `""`
	case document.String:
		text := c.text(v)
		if pieces, ok := config.Pieces(v.Text); ok && c.reuse && v.Template {
			only, isWhole := whole(pieces)
			switch {
			case isWhole && c.kind(nameOf(only)) == "boolean":
				return text + ` ? "1" : "0"` // as CircleCI prints one here
			case isWhole && maybeAbsent(nameOf(only)):
				return "coalesce(" + text + `, "<nil>")` // the same
			}
		}
		return text
	}
	return quote(v.Text)
}
