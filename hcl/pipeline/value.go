// SPDX-License-Identifier: MPL-2.0

package pipeline

import (
	"cmp"
	"fmt"
	"maps"
	"math/big"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/config/document"
)

// stepsType holds steps in a value: the argument of a parameter of type steps.
var stepsType = cty.Capsule("steps", reflect.TypeFor[stepList]())

type stepList struct{ nodes []*document.Node }

func stepsValue(nodes []*document.Node) cty.Value {
	return cty.CapsuleVal(stepsType, &stepList{nodes})
}

// maxValueDepth is how deep the values of an attribute may be nested; a config
// has no use for more than a few levels.
const maxValueDepth = 20

// node turns a value into a part of the document at the place of at. It returns
// nil for null, which means that the attribute is left out, and after a mistake.
func (r *reader) node(v cty.Value, at hcl.Range) *document.Node {
	n, message := build(v, at.Start.Line, at.Start.Column, 0)
	if message != "" {
		r.fail(at, message, "")
		return nil
	}
	return n
}

func build(v cty.Value, line, column, depth int) (*document.Node, string) {
	v, _ = v.UnmarkDeep()
	ty := v.Type()
	switch {
	case depth > maxValueDepth:
		return nil, fmt.Sprintf("The value is nested deeper than %d levels; that is the limit", maxValueDepth)
	case !v.IsKnown():
		return nil, "The value is not known: a function was given null"
	case ty == stepsType && !v.IsNull():
		return document.NewList(line, column, v.EncapsulatedValue().(*stepList).nodes), ""
	case v.IsNull():
		return nil, ""
	case ty == cty.String:
		return document.NewScalar(document.String, v.AsString(), line, column), ""
	case ty == cty.Bool:
		return document.NewScalar(document.Bool, strconv.FormatBool(v.True()), line, column), ""
	case ty == cty.Number:
		return buildNumber(v.AsBigFloat(), line, column)
	case ty.IsObjectType() || ty.IsMapType():
		return buildMap(v, line, column, depth)
	case v.CanIterateElements():
		return buildList(v, line, column, depth)
	}
	return nil, "A " + ty.FriendlyName() + " cannot stand here"
}

func buildNumber(f *big.Float, line, column int) (*document.Node, string) {
	switch {
	case f.IsInf() || f.MantExp(nil) > 64:
		return nil, "The number is too large"
	case f.IsInt():
		return document.NewScalar(document.Int, f.Text('f', 0), line, column), ""
	}
	value, _ := f.Float64()
	return document.NewScalar(document.Float, strconv.FormatFloat(value, 'f', -1, 64), line, column), ""
}

func buildMap(v cty.Value, line, column, depth int) (*document.Node, string) {
	var entries []document.Entry
	for it := v.ElementIterator(); it.Next(); {
		key, value := it.Element()
		n, message := build(value, line, column, depth+1)
		if message != "" {
			return nil, message
		}
		if n != nil {
			entries = append(entries, document.Entry{Key: document.Key{Text: key.AsString(), Line: line, Column: column}, Value: n})
		}
	}
	return document.NewMap(line, column, entries), ""
}

func buildList(v cty.Value, line, column, depth int) (*document.Node, string) {
	var items []*document.Node
	for it := v.ElementIterator(); it.Next(); {
		_, value := it.Element()
		n, message := build(value, line, column, depth+1)
		if message != "" {
			return nil, message
		}
		if n != nil {
			items = append(items, n)
		}
	}
	return document.NewList(line, column, items), ""
}

// fromTrigger turns a parameter or a pipeline value, which came as JSON, into a
// value; null for what a trigger may not give.
func fromTrigger(value any) cty.Value {
	switch v := value.(type) {
	case string:
		return cty.StringVal(strings.ToValidUTF8(v, "\uFFFD"))
	case bool:
		return cty.BoolVal(v)
	case int:
		return cty.NumberIntVal(int64(v))
	case int64:
		return cty.NumberIntVal(v)
	case float64:
		return cty.NumberFloatVal(v)
	}
	return cty.NullVal(cty.DynamicPseudoType)
}

// pipelineValue makes an object of the dotted names of pipeline values. What is
// known and absent is null; any other name is a mistake that HCL itself tells.
func pipelineValue(values core.PipelineValues, known []string, parameters cty.Value) cty.Value {
	all := make(map[string]cty.Value, len(known)+len(values))
	for _, name := range known {
		all[name] = cty.NullVal(cty.DynamicPseudoType)
	}
	for name, value := range values {
		all[name] = fromTrigger(value)
	}
	root := map[string]any{"parameters": parameters}
	depth := func(name string) int { return strings.Count(name, ".") }
	for _, name := range slices.SortedFunc(maps.Keys(all), func(a, b string) int {
		return cmp.Or(cmp.Compare(depth(a), depth(b)), cmp.Compare(a, b))
	}) {
		plant(root, strings.Split(name, "."), all[name])
	}
	return grow(root)
}

// plant puts a value at a dotted name. Where the name goes on behind one that
// has a value itself, as git.branch.is_default does behind git.branch, the rest
// is joined by an underscore: HCL has no value that has attributes too.
func plant(tree map[string]any, name []string, value cty.Value) {
	for len(name) > 1 {
		next, known := tree[name[0]]
		branch, ok := next.(map[string]any)
		if known && !ok {
			name = []string{strings.Join(name, "_")}
			break
		}
		if !known {
			branch = map[string]any{}
			tree[name[0]] = branch
		}
		tree, name = branch, name[1:]
	}
	tree[name[0]] = value
}

func grow(tree map[string]any) cty.Value {
	attributes := make(map[string]cty.Value, len(tree))
	for name, value := range tree {
		if branch, ok := value.(map[string]any); ok {
			attributes[name] = grow(branch)
			continue
		}
		attributes[name] = value.(cty.Value)
	}
	return cty.ObjectVal(attributes)
}
