// SPDX-License-Identifier: MPL-2.0

package config

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/config/document"
)

// The readers below take the value of a key, nil when the key is absent, and
// return the zero value after they noted what is wrong with it.

func (c *compiler) text(n *document.Node) string {
	if n == nil {
		return ""
	}
	if n.Kind != document.String {
		c.wrongType(n, document.String)
		return ""
	}
	if strings.ContainsRune(n.Text, 0) {
		c.fail(n, "text may not hold a zero byte", "remove the \\0")
	}
	return n.Text
}

func (c *compiler) boolean(n *document.Node) bool {
	if n == nil {
		return false
	}
	value, ok := n.AsBool()
	if !ok {
		c.fail(n, "expected type: Boolean, found: "+n.Kind.String(), "write true or false, without quotes")
	}
	return value
}

func (c *compiler) integer(n *document.Node, least, most int) int {
	if n == nil {
		return 0
	}
	value, err := strconv.Atoi(n.Text)
	if n.Kind != document.Int && n.Kind != document.String || err != nil {
		c.fail(n, "expected type: Integer, found: "+n.Kind.String(), "write a whole number, without quotes")
		return 0
	}
	if value < least || value > most {
		c.fail(n, fmt.Sprintf("%d is out of range", value), fmt.Sprintf("write a number from %d to %d", least, most))
		return 0
	}
	return value
}

// oneOf reads a word of a fixed set.
func (c *compiler) oneOf(n *document.Node, words ...string) string {
	word := c.text(n)
	if n == nil || word == "" && n.Kind != document.String {
		return ""
	}
	for _, w := range words {
		if w == word {
			return word
		}
	}
	way := "write one of " + strings.Join(words, ", ")
	if near := suggest(word, words); near != "" {
		way = near + " " + way
	}
	c.fail(n, fmt.Sprintf("%q is not a value that this key takes", clip(word)), way)
	return ""
}

var durationForm = regexp.MustCompile(`^(\d+(?:\.\d+)?|\.\d+)(s|m|h)?$`)

// duration reads a number with a unit, such as 90s, 20m or 1.5h; without one it
// counts seconds.
func (c *compiler) duration(n *document.Node, most time.Duration) time.Duration {
	if n == nil {
		return 0
	}
	m := durationForm.FindStringSubmatch(strings.TrimSpace(n.Text))
	if m == nil || !n.IsScalar() {
		c.fail(n, fmt.Sprintf("%q is not a duration", clip(n.Text)), "write a number and s, m or h, for example 30m or 1.5h")
		return 0
	}
	value, _ := strconv.ParseFloat(m[1], 64)
	unit := map[string]time.Duration{"": time.Second, "s": time.Second, "m": time.Minute, "h": time.Hour}[m[2]]
	if seconds := value * unit.Seconds(); seconds < 1 || seconds > most.Seconds() {
		c.fail(n, fmt.Sprintf("the duration %s is out of range", clip(n.Text)), fmt.Sprintf("write at least 1s and at most %s", most))
		return 0
	}
	return time.Duration(value * float64(unit)).Round(time.Millisecond)
}

// environment reads a map, a list, or one K=V. The items of a list are again
// any of these.
func (c *compiler) environment(n *document.Node) []core.EnvVar {
	return c.variables(nil, n)
}

func (c *compiler) variables(env []core.EnvVar, n *document.Node) []core.EnvVar {
	if n == nil {
		return env
	}
	switch n.Kind {
	case document.Null:
	case document.Map:
		env = c.environmentMap(env, n)
	case document.List:
		for _, item := range n.Items {
			env = c.variables(env, item)
		}
	case document.String:
		env = c.assignment(env, n)
	default:
		c.fail(n, "expected type: Mapping, found: "+n.Kind.String(), "write one NAME: value a line")
	}
	return env
}

func (c *compiler) environmentMap(env []core.EnvVar, n *document.Node) []core.EnvVar {
	for i, key := range n.Keys {
		value := n.Items[i]
		if !value.IsScalar() {
			c.fail(value, "expected type: String, found: "+value.Kind.String(), "the value of a variable is one text; put quotes around it")
			continue
		}
		c.warnNumber(value)
		text := value.Text
		if value.Kind == document.Null && text != absentValue {
			text = ""
		}
		if b, ok := value.AsBool(); ok {
			text = strconv.FormatBool(b)
		}
		env = c.variable(env, n.KeyAt(i), key.Text, text)
	}
	return env
}

func (c *compiler) assignment(env []core.EnvVar, n *document.Node) []core.EnvVar {
	name, value, ok := strings.Cut(n.Text, "=")
	if !ok {
		c.fail(n, fmt.Sprintf("expected a variable as NAME=value, found: %q", clip(n.Text)), "write NAME=value, or a mapping NAME: value")
		return env
	}
	return c.variable(env, n, name, value)
}

// maxSearched is how many variables are searched for a repeated name. Of those
// beyond the process takes the last one too.
const maxSearched = 64

// variable adds one; of a repeated name the last value counts, at the place of
// the first.
func (c *compiler) variable(env []core.EnvVar, place *document.Node, name, value string) []core.EnvVar {
	if name == "" || strings.ContainsAny(name, "=\x00") || strings.ContainsRune(value, 0) {
		c.fail(place, fmt.Sprintf("%q is not the name of a variable", clip(name)), "use letters, digits and _")
		return env
	}
	if len(env) < maxSearched {
		for i := range env {
			if env[i].Name == name {
				env[i].Value = value
				return env
			}
		}
	}
	return append(env, core.EnvVar{Name: name, Value: value})
}

// words reads a list of strings, or a string that is split as a shell would.
func (c *compiler) words(n *document.Node) []string {
	if n == nil || n.Kind == document.Null {
		return nil
	}
	if n.Kind != document.List {
		words, ok := splitWords(c.text(n))
		if !ok {
			c.fail(n, "a quote is not closed", "close it, or write the command as a list")
		}
		return words
	}
	words := make([]string, 0, len(n.Items))
	for _, item := range n.Items {
		if item.IsScalar() && item.Kind != document.Null {
			words = append(words, item.Text)
			continue
		}
		c.wrongType(item, document.String)
	}
	return words
}

// splitWords cuts a command line at blanks outside of quotes. It knows ', " and
// the backslash, and expands nothing.
func splitWords(text string) (words []string, ok bool) {
	var word strings.Builder
	var quote rune
	begun, escaped := false, false
	for _, r := range text {
		switch {
		case escaped:
			word.WriteRune(r)
			escaped = false
		case r == '\\' && quote != '\'':
			escaped, begun = true, true
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '\'' || r == '"'):
			quote, begun = r, true
		case quote == 0 && strings.ContainsRune(" \t\n", r):
			if begun {
				words = append(words, word.String())
			}
			word.Reset()
			begun = false
		default:
			word.WriteRune(r)
			begun = true
		}
	}
	if begun {
		words = append(words, word.String())
	}
	return words, quote == 0 && !escaped
}
