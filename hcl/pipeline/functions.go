// SPDX-License-Identifier: MPL-2.0

package pipeline

import (
	"errors"
	"regexp"
	"strings"

	"github.com/hashicorp/hcl/v2/ext/tryfunc"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"

	"github.com/muster-ci/muster/internal/config/expression"
)

// library are the functions by the names that Terraform and Nomad give them.
// None does I/O, reads a clock or calls by chance: a file means the same each
// time.
var library = map[string]function.Function{
	"abs": stdlib.AbsoluteFunc, "ceil": stdlib.CeilFunc, "floor": stdlib.FloorFunc, "max": stdlib.MaxFunc, "min": stdlib.MinFunc,
	"parseint": stdlib.ParseIntFunc, "signum": stdlib.SignumFunc,

	"chunklist": stdlib.ChunklistFunc, "coalesce": stdlib.CoalesceFunc, "coalescelist": stdlib.CoalesceListFunc, "compact": stdlib.CompactFunc,
	"concat": stdlib.ConcatFunc, "contains": stdlib.ContainsFunc, "distinct": stdlib.DistinctFunc, "element": stdlib.ElementFunc,
	"flatten": stdlib.FlattenFunc, "index": stdlib.IndexFunc, "keys": stdlib.KeysFunc, "length": stdlib.LengthFunc,
	"lookup": stdlib.LookupFunc, "merge": stdlib.MergeFunc, "range": stdlib.RangeFunc, "reverse": stdlib.ReverseListFunc,
	"setproduct": stdlib.SetProductFunc, "slice": stdlib.SliceFunc, "sort": stdlib.SortFunc, "values": stdlib.ValuesFunc, "zipmap": stdlib.ZipmapFunc,

	"format": stdlib.FormatFunc, "formatlist": stdlib.FormatListFunc, "indent": stdlib.IndentFunc, "join": stdlib.JoinFunc, "lower": stdlib.LowerFunc,
	"regex": stdlib.RegexFunc, "regexall": stdlib.RegexAllFunc, "regex_replace": stdlib.RegexReplaceFunc, "replace": stdlib.ReplaceFunc,
	"split": stdlib.SplitFunc, "strrev": stdlib.ReverseFunc, "substr": stdlib.SubstrFunc, "title": stdlib.TitleFunc,
	"trim": stdlib.TrimFunc, "trimprefix": stdlib.TrimPrefixFunc, "trimspace": stdlib.TrimSpaceFunc, "trimsuffix": stdlib.TrimSuffixFunc,
	"upper": stdlib.UpperFunc, "startswith": affix(strings.HasPrefix), "endswith": affix(strings.HasSuffix), "strcontains": affix(strings.Contains),
	"matches": matches, "istrue": asks(truthy), "truthy": asks(logical),

	"jsondecode": stdlib.JSONDecodeFunc, "jsonencode": stdlib.JSONEncodeFunc,
	"tobool": stdlib.MakeToFunc(cty.Bool), "tolist": stdlib.MakeToFunc(cty.List(cty.DynamicPseudoType)), "tomap": stdlib.MakeToFunc(cty.Map(cty.DynamicPseudoType)),
	"tonumber": stdlib.MakeToFunc(cty.Number), "toset": stdlib.MakeToFunc(cty.Set(cty.DynamicPseudoType)), "tostring": stdlib.MakeToFunc(cty.String),

	"and": operand(func(v cty.Value) bool { return !truthy(v) }), "or": operand(truthy),
}

// functions returns the library, each function paying out of b.
func functions(b *budget) map[string]function.Function {
	all := make(map[string]function.Function, len(library)+2)
	for name, f := range library {
		all[name] = b.limited(name, f)
	}
	// These take expressions and not values, which pay by themselves.
	all["try"], all["can"] = tryfunc.TryFunc, tryfunc.CanFunc
	return all
}

func affix(has func(text, part string) bool) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "text", Type: cty.String}, {Name: "part", Type: cty.String}},
		Type:   function.StaticReturnType(cty.Bool),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			return cty.BoolVal(has(args[0].AsString(), args[1].AsString())), nil
		},
	})
}

// matches tells whether a pattern fits the whole of a text, as CircleCI's
// operator of that name does.
var matches = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "text", Type: cty.String, AllowNull: true, AllowDynamicType: true}, {Name: "pattern", Type: cty.String}},
	Type:   function.StaticReturnType(cty.Bool),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		pattern, err := expression.CompileJava(args[1].AsString())
		if err != nil {
			return cty.False, function.NewArgErrorf(1, "the regular expression cannot be used: %s", err)
		}
		return cty.BoolVal(!args[0].IsNull() && pattern.Match(args[0].AsString())), nil
	},
})

// truthy is the rule of CircleCI's expressions: only false and what is absent
// are not.
func truthy(v cty.Value) bool {
	return !v.IsNull() && (v.Type() != cty.Bool || v.True())
}

// logical is the rule of CircleCI's logic statements: what is empty or zero is
// false too.
func logical(v cty.Value) bool {
	switch {
	case !truthy(v):
		return false
	case v.Type() == cty.String:
		return v.AsString() != ""
	case v.Type() == cty.Number:
		return v.AsBigFloat().Sign() != 0
	}
	return true
}

func asks(rule func(cty.Value) bool) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "value", Type: cty.DynamicPseudoType, AllowNull: true, AllowDynamicType: true}},
		Type:   function.StaticReturnType(cty.Bool),
		Impl:   func(args []cty.Value, _ cty.Type) (cty.Value, error) { return cty.BoolVal(rule(args[0])), nil },
	})
}

// operand returns the first argument that decides, else the last: CircleCI's
// `a or b` and `a and b` give back an operand, and `||` and `&&` do not.
func operand(decides func(cty.Value) bool) function.Function {
	choose := func(args []cty.Value) cty.Value {
		for _, arg := range args {
			if arg.IsKnown() && decides(arg) {
				return arg
			}
		}
		return args[len(args)-1]
	}
	return function.New(&function.Spec{
		VarParam: &function.Parameter{Name: "operands", Type: cty.DynamicPseudoType, AllowNull: true, AllowDynamicType: true},
		Type: func(args []cty.Value) (cty.Type, error) {
			if len(args) == 0 {
				return cty.DynamicPseudoType, errors.New("at least one operand is needed")
			}
			return choose(args).Type(), nil
		},
		Impl: func(args []cty.Value, want cty.Type) (cty.Value, error) { return convert.Convert(choose(args), want) },
	})
}

// maxResult is the most bytes that one call may make of small arguments.
const maxResult = 1 << 20

var errResult = errors.New("the result would be larger than 1 MiB; that is the limit")

// guards look at arguments before a function does, where a small file can ask
// for much: what they refuse would not be paid for until it is there.
var guards = map[string]func(args []cty.Value) error{
	"distinct":      atMost(2000),
	"format":        guardFormat,
	"formatlist":    guardFormat,
	"indent":        guardIndent,
	"join":          guardJoin,
	"regex_replace": guardRegexReplace,
	"replace":       guardReplace,
	"setproduct":    guardProduct,
}

func atMost(n int) func([]cty.Value) error {
	return func(args []cty.Value) error {
		if args[0].CanIterateElements() && args[0].LengthInt() > n {
			return errors.New("the list has too many elements")
		}
		return nil
	}
}

func bounded(bytes int) error {
	if bytes > maxResult {
		return errResult
	}
	return nil
}

var longNumber = regexp.MustCompile(`[0-9]{4}|\*`)

// guardFormat looks at widths, and at how often one argument may be repeated.
func guardFormat(args []cty.Value) error {
	if args[0].Type() != cty.String {
		return nil
	}
	text := args[0].AsString()
	for _, verb := range strings.Split(text, "%")[1:] {
		if loc := longNumber.FindStringIndex(verb); loc != nil && strings.IndexFunc(verb, isLetter) > loc[0] {
			return errors.New("a width of more than three digits is not permitted")
		}
	}
	kilobytes := 0
	for _, arg := range args[1:] {
		kilobytes += weigh(arg, maxWork)
	}
	return bounded(strings.Count(text, "%") * kilobytes * 1000 / 8)
}

func isLetter(r rune) bool { return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' }

func guardIndent(args []cty.Value) error {
	spaces, _ := args[0].AsBigFloat().Int64()
	text := args[1].AsString()
	if spaces > maxResult {
		return errResult
	}
	return bounded(len(text) + strings.Count(text, "\n")*int(max(0, spaces)))
}

func guardJoin(args []cty.Value) error {
	total := 0
	for _, list := range args[1:] {
		for it := list.ElementIterator(); it.Next() && total <= maxResult; {
			_, element := it.Element()
			total += len(args[0].AsString())
			if element.IsKnown() && !element.IsNull() && element.Type() == cty.String {
				total += len(element.AsString())
			}
		}
	}
	return bounded(total)
}

func guardReplace(args []cty.Value) error {
	text, with := args[0].AsString(), args[2].AsString()
	return bounded(len(text) + strings.Count(text, args[1].AsString())*len(with))
}

// guardRegexReplace cannot count matches; each is at least a place in the text.
func guardRegexReplace(args []cty.Value) error {
	text, with := args[0].AsString(), args[2].AsString()
	groups := 1 + strings.Count(with, "$")
	return bounded((len(text) + 1) * (len(with) + groups) / 8)
}

func guardProduct(args []cty.Value) error {
	product := 1
	for _, arg := range args {
		if !arg.CanIterateElements() {
			return nil
		}
		if product *= max(1, arg.LengthInt()); product > 10_000 {
			return errors.New("the product would have more than 10000 elements; that is the limit")
		}
	}
	return nil
}
