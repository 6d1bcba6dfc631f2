// SPDX-License-Identifier: MPL-2.0

package settings

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/gohcl"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// decode fills a struct with `hcl` tags from a body.
func (s *Settings) decode(body hcl.Body, target any) error {
	typed := durations{Body: body, of: reflect.TypeOf(target).Elem()}
	if diags := gohcl.DecodeBody(typed, s.context(), target); diags.HasErrors() {
		return describe(diags, "", nil)
	}
	return nil
}

// context holds the functions that values may use.
func (s *Settings) context() *hcl.EvalContext {
	return &hcl.EvalContext{Functions: map[string]function.Function{
		"env":  textFunction("name", func(name string) (string, error) { return s.env(name), nil }),
		"file": textFunction("path", s.readFile),
	}}
}

// readFile returns a file without the newline at its end; a relative path
// starts at the folder of the settings.
func (s *Settings) readFile(path string) (string, error) {
	if !filepath.IsAbs(path) {
		path = filepath.Join(s.dir, path)
	}
	text, err := os.ReadFile(path)
	return strings.TrimRight(string(text), "\r\n"), err
}

func textFunction(param string, f func(string) (string, error)) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: param, Type: cty.String}},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			text, err := f(args[0].AsString())
			if err != nil {
				return cty.NilVal, function.NewArgError(0, err)
			}
			return cty.StringVal(text), nil
		},
	})
}

// durations is a body whose attributes for time.Duration fields may be text
// such as "90s". gohcl sees such a field as a number, so the text is turned
// into nanoseconds on its way there.
type durations struct {
	hcl.Body
	of reflect.Type
}

// Content implements hcl.Body.
func (d durations) Content(schema *hcl.BodySchema) (*hcl.BodyContent, hcl.Diagnostics) {
	content, diags := d.Body.Content(schema)
	return d.wrap(content), diags
}

// PartialContent implements hcl.Body.
func (d durations) PartialContent(schema *hcl.BodySchema) (*hcl.BodyContent, hcl.Body, hcl.Diagnostics) {
	content, remain, diags := d.Body.PartialContent(schema)
	return d.wrap(content), remain, diags
}

func (d durations) wrap(content *hcl.BodyContent) *hcl.BodyContent {
	if content == nil || d.of.Kind() != reflect.Struct {
		return content
	}
	for i := range d.of.NumField() {
		field := d.of.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("hcl"), ",")
		if attribute := content.Attributes[name]; attribute != nil && field.Type == reflect.TypeFor[time.Duration]() {
			attribute.Expr = durationExpr{attribute.Expr}
		}
		for _, block := range content.Blocks {
			if block.Type == name {
				block.Body = durations{Body: block.Body, of: element(field.Type)}
			}
		}
	}
	return content
}

// element is the struct type behind slices and pointers.
func element(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Slice || t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

type durationExpr struct{ hcl.Expression }

// Value implements hcl.Expression.
func (e durationExpr) Value(ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	value, diags := e.Expression.Value(ctx)
	if diags.HasErrors() || value.IsNull() || value.Type() != cty.String {
		return value, diags
	}
	length, err := time.ParseDuration(value.AsString())
	if err != nil {
		return cty.NumberIntVal(0), hcl.Diagnostics{{
			Severity: hcl.DiagError, Summary: "Not a duration", Subject: e.Range().Ptr(),
			Detail: `Write a duration as a number and a unit, for example "90s", "15m" or "1h30m".`,
		}}
	}
	return cty.NumberIntVal(int64(length)), nil
}

// describe turns diagnostics into one error with the lines that they mean.
func describe(diags hcl.Diagnostics, path string, src []byte) error {
	var text bytes.Buffer
	files := map[string]*hcl.File{}
	if path != "" {
		files[path] = &hcl.File{Bytes: src}
	}
	if err := hcl.NewDiagnosticTextWriter(&text, files, 100, false).WriteDiagnostics(diags); err != nil {
		return diags
	}
	return errors.New(strings.TrimSpace(text.String()))
}
