// SPDX-License-Identifier: MPL-2.0

package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/muster-ci/muster/internal/config/document"
)

// maxMatrix bounds the combinations of one matrix, those that `exclude` takes
// away included. CircleCI stops at 128.
const maxMatrix = 512

// matrix is a job that is called once for each combination of some values.
type matrix struct {
	names  []string // sorted
	values [][]*document.Node
	alias  string
	count  int // combinations
	// excluded are the combinations that are left out, by their print; true
	// once one was met.
	excluded map[string]bool
	exclude  *document.Node
}

// combination is one value for each parameter of a matrix; the zero value is
// that of a job without one.
type combination struct {
	names  []string
	values map[string]*document.Node
}

// matrix expands an entry that has a matrix.
func (c *compiler) matrix(e entry, n *document.Node) []*invocation {
	if !c.reuse {
		c.fail(n, "A matrix needs version: 2.1", "change the version, or list the combinations as single jobs")
		return nil
	}
	m, ok := c.readMatrix(c.substitute(n, scope{}), e)
	if !ok {
		return nil
	}
	c.countJobs(e.place, m.count)
	e.keys = without(e.keys, "matrix")
	jobs, made := make([]*invocation, 0, m.count), make([]invocation, m.count)
	one := combination{names: m.names, values: make(map[string]*document.Node, len(m.names))}
	for at := range m.count {
		m.choose(one, at)
		if m.excludes(one) {
			continue
		}
		c.invocation(&made[at], e, one.jobName(e.called), one)
		made[at].alias = m.alias
		jobs = append(jobs, &made[at])
	}
	if len(jobs) == 0 {
		c.fail(e.place, "The matrix excludes all of its combinations", "remove an exclude, or the job")
	}
	c.checkExclude(m)
	return jobs
}

// without returns a mapping without one of its keys.
func without(n *document.Node, key string) *document.Node {
	at := n.Find(key)
	short := *n
	short.Keys = slices.Delete(slices.Clone(n.Keys), at, at+1)
	return short.With(slices.Delete(slices.Clone(n.Items), at, at+1))
}

func (c *compiler) readMatrix(n *document.Node, e entry) (*matrix, bool) {
	if !c.fields(n, matrixKeys) {
		return nil, false
	}
	m := &matrix{alias: e.called, count: 1, exclude: n.Get("exclude")}
	if alias := c.text(n.Get("alias")); alias != "" {
		m.alias = alias
	}
	parameters := n.Get("parameters")
	switch {
	case parameters == nil:
		return nil, false
	case parameters.Kind != document.Map:
		c.wrongType(parameters, document.Map)
		return nil, false
	case len(parameters.Keys) == 0:
		c.fail(parameters, "The matrix has no parameters", "write name: [one value, another]")
		return nil, false
	}
	return m, c.readMatrixValues(m, parameters) && c.readExclude(m)
}

// readMatrixValues sorts the parameters by their names: CircleCI's documents
// show generated names and the order of the jobs so.
func (c *compiler) readMatrixValues(m *matrix, parameters *document.Node) bool {
	ok := true
	for i, key := range parameters.Keys {
		values := parameters.Items[i]
		switch {
		case values.Kind != document.List:
			c.fail(values, "expected type: Sequence, found: "+values.Kind.String(), "write the values of "+clip(key.Text)+" as a list: [one, another]")
			ok = false
		case len(values.Items) == 0:
			c.fail(values, fmt.Sprintf("The matrix has no value for %s", clip(key.Text)), "write at least one, or remove the parameter")
			ok = false
		case len(values.Items) > maxMatrix/m.count:
			c.fail(parameters, fmt.Sprintf("The matrix has more than %d combinations; that is the limit", maxMatrix), "split the values over several matrices")
			return false
		default:
			m.count *= len(values.Items)
		}
		m.names = append(m.names, key.Text)
	}
	slices.Sort(m.names)
	for _, name := range m.names {
		m.values = append(m.values, parameters.Get(name).Items)
	}
	return ok
}

// choose makes one the at-th combination; the last name varies fastest.
func (m *matrix) choose(one combination, at int) {
	for i := len(m.names) - 1; i >= 0; i-- {
		size := len(m.values[i])
		one.values[m.names[i]] = m.values[i][at%size]
		at /= size
	}
}

// arguments adds the values to what a call gives itself; they win.
func (m combination) arguments(given map[string]*document.Node, names []string) (map[string]*document.Node, []string) {
	if len(m.names) == 0 {
		return given, names
	}
	if len(given) == 0 {
		return m.values, m.names
	}
	for _, name := range m.names {
		given[name] = m.values[name]
	}
	return given, append(names, m.names...)
}

// jobName joins the values to the job's name.
func (m combination) jobName(job string) string {
	var b strings.Builder
	b.WriteString(job)
	for _, name := range m.names {
		b.WriteByte('-')
		b.WriteString(nameOf(m.values[name]))
	}
	return b.String()
}

// nameOf is a value as part of a job's name. Of an executor with arguments, or
// of a list, these are its parts.
func nameOf(n *document.Node) string {
	if n.IsScalar() {
		_, text := plainScalar(n)
		return text
	}
	parts := make([]string, 0, len(n.Items))
	for _, item := range n.Items[:min(len(n.Items), maxName)] {
		parts = append(parts, nameOf(item))
	}
	return clip(strings.Join(parts, "-"))
}

// plainScalar reads YAML 1.1's words for booleans as such.
func plainScalar(n *document.Node) (document.Kind, string) {
	if value, ok := n.AsBool(); ok {
		return document.Bool, strconv.FormatBool(value)
	}
	return n.Kind, n.Text
}

// readExclude reads the combinations that are left out.
func (c *compiler) readExclude(m *matrix) bool {
	n := m.exclude
	if n == nil || n.Kind == document.Null {
		m.exclude = nil
		return true
	}
	if n.Kind != document.List {
		c.wrongType(n, document.List)
		return false
	}
	ok := true
	m.excluded = make(map[string]bool, len(n.Items))
	for _, item := range n.Items {
		if item.Kind != document.Map {
			c.wrongType(item, document.Map)
			ok = false
			continue
		}
		for k, key := range item.Keys {
			if !slices.Contains(m.names, key.Text) {
				c.fail(item.KeyAt(k), fmt.Sprintf("%s is not a parameter of the matrix", clip(key.Text)), "it has: "+listed(m.names))
				ok = false
			}
		}
		m.excluded[m.print(item)] = false
	}
	return ok
}

// print is equal for equal values of all parameters; "" when one has none.
func (m *matrix) print(arguments *document.Node) string {
	var b strings.Builder
	for _, name := range m.names {
		value := arguments.Get(name)
		if value == nil {
			return ""
		}
		printNode(&b, value)
	}
	return b.String()
}

func (m *matrix) excludes(one combination) bool {
	if len(m.excluded) == 0 {
		return false
	}
	var b strings.Builder
	for _, name := range m.names {
		printNode(&b, one.values[name])
	}
	_, found := m.excluded[b.String()]
	if found {
		m.excluded[b.String()] = true
	}
	return found
}

// printNode writes a value so that equal ones, and no others, read the same.
func printNode(b *strings.Builder, n *document.Node) {
	kind, text := plainScalar(n)
	b.WriteString(strconv.Itoa(int(kind)) + ":" + strconv.Itoa(len(text)) + ":" + strconv.Itoa(len(n.Items)) + ":" + text)
	for i, item := range n.Items {
		if n.Kind == document.Map {
			b.WriteString(strconv.Itoa(len(n.Keys[i].Text)) + "=" + n.Keys[i].Text)
		}
		printNode(b, item)
	}
}

// checkExclude warns of what takes nothing away. CircleCI compares whole
// combinations, so that an exclude with some of the parameters is none.
func (c *compiler) checkExclude(m *matrix) {
	if m.exclude == nil {
		return
	}
	for _, item := range m.exclude.Items {
		if !m.excluded[m.print(item)] {
			c.warn(item, "This exclude matches no combination of the matrix", "give one of the listed values for each of: "+listed(m.names))
		}
	}
}
