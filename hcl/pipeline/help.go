// SPDX-License-Identifier: MPL-2.0

package pipeline

import (
	"maps"
	"slices"
	"strings"
)

// Function is what a person has to know of a function to call it.
type Function struct {
	Name      string
	Signature string // name(parameter, rest...)
	Doc       string
}

// ownDocs are of the functions that no library describes.
var ownDocs = map[string]string{
	"startswith":  "Tells whether a text begins with another.",
	"endswith":    "Tells whether a text ends with another.",
	"strcontains": "Tells whether a text holds another.",
	"matches":     "Tells whether a pattern fits the whole of a text, as CircleCI's operator does.",
	"istrue":      "The rule of CircleCI's expressions: all is true but false and what is absent.",
	"truthy":      "The rule of CircleCI's logic statements: what is empty or zero is false too.",
	"and":         "The first operand that is not true, else the last, as CircleCI's operator gives it.",
	"or":          "The first operand that is true, else the last, as CircleCI's operator gives it.",
	"try":         "The first of the expressions that can be evaluated.",
	"can":         "Tells whether an expression can be evaluated.",
}

// Functions returns what expressions can call, by name.
func Functions() []Function {
	all := functions(&budget{})
	list := make([]Function, 0, len(all))
	for _, name := range slices.Sorted(maps.Keys(all)) {
		f := all[name]
		if original, ok := library[name]; ok {
			f = original
		}
		var parameters []string
		for _, p := range f.Params() {
			parameters = append(parameters, p.Name)
		}
		if rest := f.VarParam(); rest != nil {
			parameters = append(parameters, rest.Name+"...")
		}
		doc := ownDocs[name]
		if doc == "" {
			doc = f.Description()
		}
		list = append(list, Function{Name: name, Signature: name + "(" + strings.Join(parameters, ", ") + ")", Doc: doc})
	}
	return list
}
