// SPDX-License-Identifier: MPL-2.0

package jobspec

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// decoder fills structs by their hcl tags. The structs of Nomad's api package
// carry such tags for all of the job language, so its schema is theirs. What
// gohcl does not do and the language has: durations as text, free-form config
// blocks, and Nomad's own interpolations.
type decoder struct{ diags hcl.Diagnostics }

// field is one tagged field of a struct.
type field struct {
	name  string
	kind  string // "attr", "block" or "label"
	need  bool
	index []int
}

// fieldsOf reads the tags of a struct and of those embedded in it.
func fieldsOf(t reflect.Type) []field {
	var fields []field
	for _, f := range reflect.VisibleFields(t) {
		tag, ok := f.Tag.Lookup("hcl")
		if !ok || tag == "-" {
			continue
		}
		name, kind, _ := strings.Cut(tag, ",")
		switch kind {
		case "block", "label":
			fields = append(fields, field{name: name, kind: kind, index: f.Index})
		case "", "optional":
			fields = append(fields, field{name: name, kind: "attr", need: kind == "", index: f.Index})
		}
	}
	return fields
}

// body decodes into the struct that out points to.
func (d *decoder) body(body *hclsyntax.Body, ctx *hcl.EvalContext, out any) {
	v := reflect.ValueOf(out).Elem()
	attrs, blocks := map[string]field{}, map[string]field{}
	for _, f := range fieldsOf(v.Type()) {
		ft := v.FieldByIndex(f.index).Type()
		if f.kind == "block" {
			blocks[f.name] = f
		}
		// Maps may be written as blocks and as values: env { A = 1 }, env = merge(...).
		if f.kind == "attr" || f.kind == "block" && isMap(ft) {
			attrs[f.name] = f
		}
		if f.need && body.Attributes[f.name] == nil {
			d.fail(body.MissingItemRange(), "The argument %q is needed.", f.name)
		}
	}
	for _, attr := range inOrder(body.Attributes) {
		f, ok := attrs[attr.Name]
		if !ok {
			d.fail(attr.NameRange, "There is no argument %q here.", attr.Name)
			continue
		}
		d.attribute(attr, ctx, v.FieldByIndex(f.index))
	}
	for _, b := range d.expand(body.Blocks, ctx) {
		f, ok := blocks[b.kind]
		if !ok {
			d.fail(b.place, "There is no block %q here.", b.kind)
			continue
		}
		d.block(b, v.FieldByIndex(f.index))
	}
}

func inOrder(attrs hclsyntax.Attributes) []*hclsyntax.Attribute {
	list := slices.Collect(maps.Values(attrs))
	slices.SortFunc(list, func(a, b *hclsyntax.Attribute) int { return a.SrcRange.Start.Byte - b.SrcRange.Start.Byte })
	return list
}

func isMap(t reflect.Type) bool {
	return t.Kind() == reflect.Map && t.Elem().Kind() != reflect.Pointer
}

// structOf returns the struct behind pointers, slices and maps, if any.
func structOf(t reflect.Type) (reflect.Type, bool) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
		t = t.Elem()
	}
	return t, t.Kind() == reflect.Struct
}

func labelsOf(t reflect.Type) []string {
	st, ok := structOf(t)
	if !ok {
		return nil
	}
	var names []string
	for _, f := range fieldsOf(st) {
		if f.kind == "label" {
			names = append(names, cmp.Or(f.name, "name"))
		}
	}
	return names
}

// block decodes one block into a field: a struct, one more of a slice of them,
// an entry of a map by label, or a map of values.
func (d *decoder) block(b block, out reflect.Value) {
	t := out.Type()
	if isMap(t) {
		d.mapBlock(b, out)
		return
	}
	st, ok := structOf(t)
	if labels := labelsOf(t); !ok || len(b.labels) != len(labels) {
		d.fail(b.place, "The block %q takes %d labels (%s) and has %d.", b.kind, len(labels), strings.Join(labels, ", "), len(b.labels))
		return
	}
	one := reflect.New(st)
	i := 0
	for _, f := range fieldsOf(st) {
		if f.kind == "label" {
			setString(one.Elem().FieldByIndex(f.index), b.labels[i])
			i++
		}
	}
	d.body(b.body, b.ctx, one.Interface())
	d.put(b, out, one)
}

// put stores a decoded struct where its field wants it.
func (d *decoder) put(b block, out, one reflect.Value) {
	switch t := out.Type(); {
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Pointer:
		out.Set(reflect.Append(out, one))
	case t.Kind() == reflect.Slice:
		out.Set(reflect.Append(out, one.Elem()))
	case t.Kind() == reflect.Map:
		if out.IsNil() {
			out.Set(reflect.MakeMap(t))
		}
		out.SetMapIndex(reflect.ValueOf(b.labels[0]), one)
	case !out.IsZero():
		d.fail(b.place, "There is a %q block already; only one is allowed here.", b.kind)
	case t.Kind() == reflect.Pointer:
		out.Set(one)
	default:
		out.Set(one.Elem())
	}
}

func setString(v reflect.Value, s string) {
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.ValueOf(&s))
		return
	}
	v.SetString(s)
}

// mapBlock decodes a block of free attributes: env, meta, options, config. In
// config, whose shape is a driver's, there may be blocks; drivers take one as a
// list of maps, however many there are.
func (d *decoder) mapBlock(b block, out reflect.Value) {
	t := out.Type()
	if out.IsNil() {
		out.Set(reflect.MakeMap(t))
	}
	for _, attr := range inOrder(b.body.Attributes) {
		value := reflect.New(t.Elem()).Elem()
		if d.attribute(attr, b.ctx, value) {
			out.SetMapIndex(reflect.ValueOf(attr.Name), value)
		}
	}
	for _, inner := range d.expand(b.body.Blocks, b.ctx) {
		if t.Elem().Kind() != reflect.Interface {
			d.fail(inner.place, "There is no block %q in %q.", inner.kind, b.kind)
			continue
		}
		one := map[string]any{}
		d.mapBlock(inner, reflect.ValueOf(&one).Elem())
		key := reflect.ValueOf(inner.kind)
		list := []map[string]any{}
		if before := out.MapIndex(key); before.IsValid() {
			list, _ = before.Interface().([]map[string]any)
		}
		out.SetMapIndex(key, reflect.ValueOf(append(list, one)))
	}
}

// attribute evaluates an attribute into a field; null leaves the field as it
// is. It tells whether a value was set.
func (d *decoder) attribute(attr *hclsyntax.Attribute, ctx *hcl.EvalContext, out reflect.Value) bool {
	value, diags := evaluate(attr.Expr, ctx)
	d.diags = append(d.diags, diags...)
	if diags.HasErrors() || value.IsNull() {
		return false
	}
	if !value.IsWhollyKnown() {
		d.fail(attr.Expr.Range(), "The value of %q is not known.", attr.Name)
		return false
	}
	if err := set(out, value); err != nil {
		d.fail(attr.Expr.Range(), "%q: %s.", attr.Name, err)
		return false
	}
	return true
}

func (d *decoder) fail(at hcl.Range, format string, args ...any) {
	d.diags = append(d.diags, &hcl.Diagnostic{
		Severity: hcl.DiagError, Summary: "Unusable job template", Detail: fmt.Sprintf(format, args...), Subject: &at,
	})
}
