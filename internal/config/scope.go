// SPDX-License-Identifier: MPL-2.0

package config

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/muster-ci/muster/internal/config/document"
	"github.com/muster-ci/muster/internal/config/expression"
)

// scope is what `<< >>` may name besides the values and parameters of the
// pipeline: parameters only inside the element that declares them, and the
// values of a matrix only in the job that it makes. Nothing is inherited by
// what the element calls.
type scope struct {
	parameters map[string]*document.Node
	matrix     map[string]*document.Node
}

// absentValue is what CircleCI puts into the environment for a pipeline value
// that exists and is empty, such as the tag of a branch build. Inside a text
// such a value is nothing.
const absentValue = "<nil>"

// The roots of names.
const (
	parametersRoot         = "parameters."
	matrixRoot             = "matrix."
	pipelineRoot           = "pipeline."
	pipelineParametersRoot = "pipeline.parameters."
)

// lookup returns the value of a name, nil when there is none.
func (c *compiler) lookup(name string, s scope) *document.Node {
	if rest, ok := strings.CutPrefix(name, parametersRoot); ok {
		return s.parameters[rest]
	}
	if rest, ok := strings.CutPrefix(name, matrixRoot); ok {
		return s.matrix[rest]
	}
	if rest, ok := strings.CutPrefix(name, pipelineParametersRoot); ok {
		return c.parameters[rest]
	}
	if rest, ok := strings.CutPrefix(name, pipelineRoot); ok {
		return c.pipelineValue(rest)
	}
	return nil
}

// pipelineValue returns a value of the trigger, null for one that is known and
// absent, nil for one that is not known.
func (c *compiler) pipelineValue(name string) *document.Node {
	n, met := c.values[name]
	if met {
		return n
	}
	c.read(name)
	value, given := c.request.Values[name]
	switch {
	case !given && name == "in_setup":
		n = document.Scalar(document.Bool, strconv.FormatBool(c.inSetup), nil)
	case !given && !knownValue(name):
		return nil
	case value == nil:
		n = document.Scalar(document.Null, absentValue, nil)
	default:
		n, _ = fromTrigger(value)
	}
	if c.values == nil {
		c.values = map[string]*document.Node{}
	}
	c.values[name] = n
	return n
}

// fromTrigger turns a value of the API's JSON into a node, nil for what is
// neither text, number nor boolean.
func fromTrigger(value any) (n *document.Node, ok bool) {
	switch v := value.(type) {
	case string:
		// JSON carries no other text; a caller inside the process might.
		return textNode(strings.ToValidUTF8(v, "\uFFFD"), nil), true
	case bool:
		return document.Scalar(document.Bool, strconv.FormatBool(v), nil), true
	case int:
		return document.Scalar(document.Int, strconv.Itoa(v), nil), true
	case int64:
		return document.Scalar(document.Int, strconv.FormatInt(v, 10), nil), true
	case float64:
		if v == float64(int64(v)) && v > -1<<53 && v < 1<<53 {
			return document.Scalar(document.Int, strconv.FormatInt(int64(v), 10), nil), true
		}
		return document.Scalar(document.Float, strconv.FormatFloat(v, 'g', -1, 64), nil), true
	}
	return nil, false
}

// textNode returns a text that is no boolean, whatever it looks like.
func textNode(text string, place *document.Node) *document.Node {
	n := document.Scalar(document.String, text, place)
	n.Quoted = true
	return n
}

// valueOf returns a node as expressions see it. The node itself travels along,
// so that `and` and `or` give back what was written.
func valueOf(n *document.Node) expression.Value {
	if truth, ok := n.AsBool(); ok && n.Kind == document.Bool {
		return expression.Boolean(truth).From(n)
	}
	switch n.Kind {
	case document.Null:
		return expression.Value{}
	case document.String:
		return expression.String(n.Text).From(n)
	case document.Int:
		if number, err := strconv.ParseInt(n.Text, 0, 64); err == nil {
			return expression.Integer(number).From(n)
		}
	}
	return expression.Other(n)
}

// nodeOf returns the value of an expression as a node.
func nodeOf(v expression.Value) *document.Node {
	if n, ok := v.Origin.(*document.Node); ok {
		return n
	}
	switch v.Kind() {
	case expression.KindUndefined:
		return document.Scalar(document.Null, absentValue, nil)
	case expression.KindBoolean:
		return document.Scalar(document.Bool, v.String(), nil)
	case expression.KindInteger:
		return document.Scalar(document.Int, v.String(), nil)
	}
	return textNode(v.String(), nil)
}

// unknownName tells that a name means nothing here. The explanation is what
// CircleCI says of the expression that holds it.
func (c *compiler) unknownName(n *document.Node, name, explanation string, s scope) {
	if rest, ok := strings.CutPrefix(name, parametersRoot); ok && explanation == "" {
		c.fail(n, "Arguments referenced without declared parameters: "+clip(rest), c.nameWay(name, s))
		return
	}
	if explanation == "" {
		source := clip(name)
		explanation = fmt.Sprintf("Referred to a variable \"%s\" that does not exist:\n%s\n%s", source, source, strings.Repeat("^", len([]rune(source))))
	}
	c.fail(n, explanation, c.nameWay(name, s))
}

// nameWay says what a person may have meant with a name.
func (c *compiler) nameWay(name string, s scope) string {
	visible := c.visible(name, s)
	if near := suggest(name, visible); near != "" {
		return near
	}
	for _, candidate := range visible {
		if !strings.Contains(name, ".") && strings.HasSuffix(candidate, "."+name) {
			return fmt.Sprintf("did you mean %q?", candidate)
		}
	}
	switch {
	case strings.HasPrefix(name, pipelineParametersRoot) && c.module.name != "":
		return "an orb does not see the pipeline's parameters: let the element take a parameter, and hand the value over in the call"
	case strings.HasPrefix(name, pipelineParametersRoot):
		return "declare it under the top-level parameters:"
	case strings.HasPrefix(name, pipelineRoot):
		return "see the list of pipeline values in the documentation"
	case strings.HasPrefix(name, parametersRoot):
		return "declare it under parameters: of the element that uses it"
	case strings.HasPrefix(name, matrixRoot):
		return "matrix.name is known in a job that a matrix makes, for each of the matrix's parameters"
	}
	return "names begin with pipeline., parameters. or matrix.; a text stands in double quotes; a variable of the shell is $NAME; " + escapeWay
}

// visible lists the names of the same root, or all when the name has none that
// is known.
func (c *compiler) visible(name string, s scope) []string {
	roots := []string{parametersRoot, matrixRoot, pipelineRoot}
	rooted := slices.ContainsFunc(roots, func(root string) bool { return strings.HasPrefix(name, root) })
	var list []string
	add := func(root string, values map[string]*document.Node) {
		if rooted && !strings.HasPrefix(name, root) {
			return
		}
		for _, key := range slices.Sorted(maps.Keys(values)) {
			list = append(list, root+key)
		}
	}
	add(parametersRoot, s.parameters)
	add(matrixRoot, s.matrix)
	add(pipelineParametersRoot, c.parameters)
	if strings.HasPrefix(name, pipelineRoot) || strings.Contains(name, ".") && !rooted {
		for _, known := range valueNames {
			list = append(list, pipelineRoot+known)
		}
	}
	return list
}
