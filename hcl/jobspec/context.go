// SPDX-License-Identifier: MPL-2.0

package jobspec

import (
	"path"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"

	"github.com/muster-ci/muster/core"
)

// evalContext holds the variable muster and the functions.
func evalContext(in Input) *hcl.EvalContext {
	project := in.Spec.Pipeline.Project
	return &hcl.EvalContext{
		Functions: functions(),
		Variables: map[string]cty.Value{"muster": cty.ObjectVal(map[string]cty.Value{
			"attempt":      cty.StringVal(string(in.Attempt)),
			"organization": cty.StringVal(project.Organization.Slug()),
			"project":      cty.StringVal(project.Slug()),
			"workflow":     cty.StringVal(in.Spec.WorkflowName),
			"job":          cty.StringVal(in.Spec.Plan.Name),
			"branch":       cty.StringVal(in.Spec.Pipeline.Source.Branch),
			"machine":      cty.StringVal(in.Spec.Plan.Executor.MachineImage),
			"class":        classValue(in.Class),
			"images":       imageValues(in),
			"logins":       cty.StringVal(in.Logins),
			"engine":       cty.StringVal(in.Engine),
			"layers":       cty.ObjectVal(map[string]cty.Value{"volume": cty.StringVal(in.Layers.Volume), "key": cty.StringVal(in.Layers.Key)}),
			"near":         stringList(in.Near),
			"copies":       cty.ObjectVal(map[string]cty.Value{"volume": cty.StringVal(in.Copies.Volume), "dir": cty.StringVal(in.Copies.Dir)}),
			"hosts":        hostValues(in.Spec.Plan.Executor.Images),
			"agent": cty.ObjectVal(map[string]cty.Value{
				"source":   cty.StringVal(in.Agent.Source),
				"checksum": cty.StringVal(in.Agent.Checksum),
				"path":     cty.StringVal(in.Agent.Path),
				"file":     cty.StringVal(path.Base(in.Agent.Path)),
				"version":  cty.StringVal(in.Agent.Version),
			}),
			"output_url": cty.StringVal(strings.Join(in.OutputURLs, ",")),
			"base_url":   cty.StringVal(in.BaseURL),
			"ssh":        cty.BoolVal(in.Spec.SSH != nil),
		})},
	}
}

func classValue(c core.ResourceClass) cty.Value {
	return cty.ObjectVal(map[string]cty.Value{
		"name": cty.StringVal(c.Name), "pool": cty.StringVal(c.Pool),
		"cpu": cty.NumberIntVal(int64(c.CPU)), "memory": cty.NumberIntVal(int64(c.Memory)), "disk": cty.NumberIntVal(int64(c.Disk)),
	})
}

var imageType = cty.Object(map[string]cty.Type{
	"index": cty.Number, "image": cty.String, "name": cty.String, "user": cty.String,
	"entrypoint": cty.List(cty.String), "command": cty.List(cty.String), "env": cty.Map(cty.String), "login": cty.Bool,
})

func imageValues(in Input) cty.Value {
	images := in.Spec.Plan.Executor.Images
	if len(images) == 0 {
		return cty.ListValEmpty(imageType)
	}
	values := make([]cty.Value, len(images))
	for i, image := range images {
		env := make(map[string]cty.Value, len(image.Environment))
		for _, v := range image.Environment {
			env[v.Name] = cty.StringVal(v.Value)
		}
		envValue := cty.MapValEmpty(cty.String)
		if len(env) > 0 {
			envValue = cty.MapVal(env)
		}
		values[i] = cty.ObjectVal(map[string]cty.Value{
			"index": cty.NumberIntVal(int64(i)), "image": cty.StringVal(image.Image), "name": cty.StringVal(image.Name),
			"user": orNull(image.User), "entrypoint": listOrNull(image.Entrypoint), "command": listOrNull(image.Command), "env": envValue,
			"login": cty.BoolVal(i < len(in.WithLogin) && in.WithLogin[i]),
		})
	}
	return cty.ListVal(values)
}

// orNull is null for what was not given: a null attribute counts as left out.
func orNull(text string) cty.Value {
	if text == "" {
		return cty.NullVal(cty.String)
	}
	return cty.StringVal(text)
}

func listOrNull(texts []string) cty.Value {
	if len(texts) == 0 {
		return cty.NullVal(cty.List(cty.String))
	}
	return stringList(texts)
}

func stringList(texts []string) cty.Value {
	if len(texts) == 0 {
		return cty.ListValEmpty(cty.String)
	}
	values := make([]cty.Value, len(texts))
	for i, text := range texts {
		values[i] = cty.StringVal(text)
	}
	return cty.ListVal(values)
}

// hostValues names the containers: all of them share one network namespace.
func hostValues(images []core.DockerImage) cty.Value {
	var hosts []string
	for _, image := range images {
		if image.Name != "" {
			hosts = append(hosts, image.Name+":127.0.0.1")
		}
	}
	return stringList(hosts)
}

func functions() map[string]function.Function {
	return map[string]function.Function{
		"abs": stdlib.AbsoluteFunc, "ceil": stdlib.CeilFunc, "floor": stdlib.FloorFunc, "max": stdlib.MaxFunc, "min": stdlib.MinFunc,
		"coalesce": stdlib.CoalesceFunc, "compact": stdlib.CompactFunc, "concat": stdlib.ConcatFunc, "contains": stdlib.ContainsFunc,
		"distinct": stdlib.DistinctFunc, "element": stdlib.ElementFunc, "flatten": stdlib.FlattenFunc, "keys": stdlib.KeysFunc,
		"length": stdlib.LengthFunc, "lookup": stdlib.LookupFunc, "merge": stdlib.MergeFunc, "range": stdlib.RangeFunc,
		"reverse": stdlib.ReverseListFunc, "slice": stdlib.SliceFunc, "sort": stdlib.SortFunc, "values": stdlib.ValuesFunc, "zipmap": stdlib.ZipmapFunc,
		"format": stdlib.FormatFunc, "join": stdlib.JoinFunc, "lower": stdlib.LowerFunc, "regex": stdlib.RegexFunc, "regex_replace": stdlib.RegexReplaceFunc,
		"replace": stdlib.ReplaceFunc, "split": stdlib.SplitFunc, "substr": stdlib.SubstrFunc, "title": stdlib.TitleFunc,
		"trimprefix": stdlib.TrimPrefixFunc, "trimspace": stdlib.TrimSpaceFunc, "trimsuffix": stdlib.TrimSuffixFunc, "upper": stdlib.UpperFunc,
		"jsonencode": stdlib.JSONEncodeFunc,
	}
}

// evaluate returns the value of an expression, in which what Nomad
// interpolates stands for itself.
func evaluate(expr hcl.Expression, ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	own := map[string]any{}
	for _, traversal := range expr.Variables() {
		if root := traversal.RootName(); isNomads(root) && !defined(ctx, root) {
			plant(own, traversal)
		}
	}
	if len(own) > 0 {
		child := ctx.NewChild()
		child.Variables = make(map[string]cty.Value, len(own))
		for name, tree := range own {
			child.Variables[name] = grow(tree)
		}
		ctx = child
	}
	return expr.Value(ctx)
}

// defined tells whether a name is a variable here, as an iterator of a dynamic
// block is.
func defined(ctx *hcl.EvalContext, name string) bool {
	for ; ctx != nil; ctx = ctx.Parent() {
		if _, ok := ctx.Variables[name]; ok {
			return true
		}
	}
	return false
}

func isNomads(root string) bool {
	switch root {
	case "attr", "node", "meta", "env", "device":
		return true
	default:
		return strings.HasPrefix(root, "NOMAD_")
	}
}

// plant puts the text of a traversal at the end of its path in a tree of
// names, so that evaluating the traversal gives the text back.
func plant(tree map[string]any, traversal hcl.Traversal) {
	text, path := "${", []string{}
	for _, step := range traversal {
		switch step := step.(type) {
		case hcl.TraverseRoot:
			text, path = text+step.Name, append(path, step.Name)
		case hcl.TraverseAttr:
			text, path = text+"."+step.Name, append(path, step.Name)
		case hcl.TraverseIndex:
			if step.Key.Type() != cty.String {
				return // nothing of Nomad's; evaluating it says what is wrong
			}
			text, path = text+"["+strconv.Quote(step.Key.AsString())+"]", append(path, step.Key.AsString())
		}
	}
	for _, name := range path[:len(path)-1] {
		next, ok := tree[name].(map[string]any)
		if !ok {
			next = map[string]any{}
			tree[name] = next
		}
		tree = next
	}
	tree[path[len(path)-1]] = text + "}"
}

func grow(tree any) cty.Value {
	branches, ok := tree.(map[string]any)
	if !ok {
		return cty.StringVal(tree.(string))
	}
	values := make(map[string]cty.Value, len(branches))
	for name, branch := range branches {
		values[name] = grow(branch)
	}
	return cty.ObjectVal(values)
}
