// SPDX-License-Identifier: MPL-2.0

package pipeline

import (
	"context"
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// Limits of a file.
const (
	// maxWork is how much a file may calculate: elements that loops and splats
	// visit, kilobytes that templates and functions make, expressions that are
	// evaluated. A unit is about two microseconds.
	maxWork  = 20_000
	maxDepth = 50 // of commands that use commands
)

// budget counts what evaluating a file costs. HCL has no limits of its own: a
// few lines of nested loops, or of locals that double each other, would run for
// hours.
type budget struct {
	ctx  context.Context
	left int
}

// exhausted is the panic value that ends an evaluation.
type exhausted struct{ why string }

func (b *budget) spend(units int) {
	if b.left -= units; b.left < 0 {
		panic(exhausted{fmt.Sprintf("The file calculates more than %d units of work; that is the limit", maxWork)})
	}
	if b.ctx.Err() != nil {
		panic(exhausted{"The compilation was stopped before its end"})
	}
}

// weigh returns the cost of a value: its elements, and its text in kilobytes.
// It stops counting beyond the limit.
func weigh(v cty.Value, most int) int {
	units := 1
	switch {
	case !v.IsKnown() || v.IsNull() || v.Type().IsCapsuleType():
	case v.Type() == cty.String:
		units += len(v.AsString()) >> 10
	case v.Type() == cty.Number:
		// As text it would have a digit for each power of ten.
		if v.AsBigFloat().MantExp(nil) > 1024 {
			return most + 1
		}
	case v.CanIterateElements():
		for it := v.ElementIterator(); it.Next() && units <= most; {
			_, element := it.Element()
			units += weigh(element, most-units)
		}
	}
	return units
}

// charge makes the loops and templates of a syntax tree pay. It changes the
// tree, which is parsed anew for each compilation.
func (b *budget) charge(body *hclsyntax.Body) {
	_ = hclsyntax.VisitAll(body, func(node hclsyntax.Node) hcl.Diagnostics {
		switch n := node.(type) {
		case *hclsyntax.ForExpr:
			n.CollExpr = b.paying(n.CollExpr)
		case *hclsyntax.SplatExpr:
			n.Source = b.paying(n.Source)
		case *hclsyntax.BinaryOpExpr:
			n.LHS, n.RHS = b.paying(n.LHS), b.paying(n.RHS)
		case *hclsyntax.ConditionalExpr:
			n.TrueResult, n.FalseResult = b.paying(n.TrueResult), b.paying(n.FalseResult)
		case *hclsyntax.TemplateExpr:
			for i, part := range n.Parts {
				if _, literal := part.(*hclsyntax.LiteralValueExpr); !literal {
					n.Parts[i] = &inText{b.paying(part).(*paying)}
				}
			}
		}
		return nil
	})
}

// paying is an expression whose value is paid for each time it is taken. It is
// made of parentheses, because those let a walk for variables see what is in
// them.
type paying struct {
	*hclsyntax.ParenthesesExpr
	budget *budget
}

func (b *budget) paying(e hclsyntax.Expression) hclsyntax.Expression {
	return &paying{&hclsyntax.ParenthesesExpr{Expression: e, SrcRange: e.Range()}, b}
}

// Value implements hcl.Expression.
func (e *paying) Value(ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	v, diags := e.ParenthesesExpr.Value(ctx)
	e.budget.spend(weigh(v, e.budget.left))
	return v, diags
}

// inText is a part of a text: what is absent is empty there, as in a
// config.yml, where HCL itself would refuse it.
type inText struct{ *paying }

// Value implements hcl.Expression.
func (e *inText) Value(ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	v, diags := e.paying.Value(ctx)
	if v.IsNull() {
		v = cty.StringVal("")
	}
	return v, diags
}

// limited wraps a function so that its arguments and its result are paid for.
// It refuses by an error: cty turns a panic inside of a function into one that
// speaks of a bug.
func (b *budget) limited(name string, f function.Function) function.Function {
	guard := guards[name]
	return function.New(&function.Spec{
		Description: f.Description(),
		Params:      f.Params(),
		VarParam:    f.VarParam(),
		Type: func(args []cty.Value) (cty.Type, error) {
			if err := b.take(name, guard, args); err != nil {
				return cty.DynamicPseudoType, err
			}
			return f.ReturnTypeForValues(args)
		},
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			v, err := f.Call(args)
			if err == nil {
				err = b.pay(weigh(v, b.left))
			}
			return v, err
		},
	})
}

func (b *budget) take(name string, guard func([]cty.Value) error, args []cty.Value) error {
	units := 0
	for _, arg := range args {
		units += weigh(arg, b.left)
	}
	if err := b.pay(units); err != nil || guard == nil {
		return err
	}
	for _, arg := range args {
		if !arg.IsWhollyKnown() || arg.IsNull() {
			return nil
		}
	}
	if err := guard(args); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func (b *budget) pay(units int) error {
	if b.left -= units; b.left < 0 {
		return fmt.Errorf("the file calculates more than %d units of work; that is the limit", maxWork)
	}
	return nil
}
