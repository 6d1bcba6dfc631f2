// SPDX-License-Identifier: MPL-2.0

package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/config/document"
)

// templated substitutes in one text, and returns the result with its kind, and
// the first lines of the mistakes.
func templated(t testing.TB, text string) (got string, mistakes []string) {
	t.Helper()
	scalar := func(kind document.Kind, text string) *document.Node { return document.Scalar(kind, text, nil) }
	c := &compiler{problems: newProblems("f", ""), reuse: true, ctx: t.Context(), read: func(string) {}}
	c.request = core.CompileRequest{Values: core.PipelineValues{"git.branch": "main", "number": 12, "git.branch.is_default": true}}
	c.module = c.newModule(&document.Node{Kind: document.Map}, "")
	c.module.parameters = map[string]*document.Node{"force": scalar(document.Bool, "true"), "a:b": scalar(document.String, "odd")}
	s := scope{
		parameters: map[string]*document.Node{
			"text": scalar(document.String, "hello"), "empty": scalar(document.String, ""), "yes": scalar(document.Bool, "true"),
			"no": scalar(document.Bool, "false"), "n": scalar(document.Int, "4"), "zero": scalar(document.Int, "0"),
			"steps": {Kind: document.List, Items: []*document.Node{scalar(document.String, "checkout")}}, "nothing": {Kind: document.List},
			"tag": scalar(document.String, "<< parameters.text >>"), "föö": scalar(document.String, "bar"), "dotted.name": scalar(document.String, "d"),
		},
		matrix: map[string]*document.Node{"os": scalar(document.String, "linux")},
	}
	n := document.Scalar(document.String, text, nil)
	n.Template = true
	result := c.substitute(n, s)
	for _, e := range c.errors {
		mistakes = append(mistakes, e.Message)
	}
	return result.Kind.String() + " " + result.Text, mistakes
}

func TestTemplates(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		// A tag that is the whole of a text keeps its type, inside a text it is text.
		"<< parameters.n >>":           "Integer 4",
		"<<parameters.yes>>":           "Boolean true",
		"<< parameters.steps >>":       "Sequence ",
		"<<\n  parameters.text\n>>":    "String hello",
		"n<< parameters.n >>":          "String n4",
		"is << parameters.yes >>":      "String is true",
		" << parameters.text >> ":      "String  hello ",
		"<< parameters.text >>\n":      "String hello\n",
		"<< parameters.n >>\n":         "String 4\n",
		"<< parameters.no >>\n":        "Boolean false",
		"<< parameters.dotted.name >>": "String d",
		// A value that is absent is null, and nothing inside a text.
		"<< pipeline.git.tag >>":  "Null <nil>",
		"v<< pipeline.git.tag >>": "String v",
		// Expressions.
		`<< pipeline.git.branch == "main" and pipeline.number > 10 >>`: "Boolean true",
		`<< pipeline.git.tag or "untagged" >>`:                         "String untagged",
		`<< parameters.no and 10 or 1 >>`:                              "Integer 1",
		`<< parameters.no or parameters.steps >>`:                      "Sequence ",
		`<< 1 >><< "a" >><< true >>`:                                   "String 1atrue",
		`<< not (pipeline.parameters.force or pipeline.git.tag) >>`:    "Boolean false",
		`<< matrix.os starts-with "lin" >>`:                            "Boolean true",
		`<< pipeline.git.branch matches /ma.*/ >>`:                     "Boolean true",
		// Names that no expression can have.
		"<< pipeline.parameters.a:b >>": "String odd",
		"<< parameters.föö >>":          "String bar",
		"<< matrix.os >>-x":             "String linux-x",
		// Results are not looked at again.
		"<< parameters.tag >>":   "String << parameters.text >>",
		"x << parameters.tag >>": "String x << parameters.text >>",
		// Escapes.
		`cat \<<EOF`: "String cat <<EOF", `a \\<< parameters.n >>`: `String a \4`, `\\\<< parameters.n >>`: `String \\4`,
		`a >> b \<< c`: "String a >> b << c", `\< <\<<`: `String \< <<<`,
		// Sections.
		"x<<# parameters.yes >>--yes<</ parameters.yes >>":                                               "String x--yes",
		"x<<# parameters.no >>--no<</ parameters.no >>y":                                                 "String xy",
		"<<^ parameters.no >>not<</ parameters.no >>":                                                    "String not",
		"<<# parameters.empty >>e<</ parameters.empty >><<^ parameters.zero >>z<</parameters.zero>>":     "String z",
		"<<# parameters.text >>-F << parameters.text >><</ parameters.text >>":                           "String -F hello",
		"<<# parameters.steps >>s<</ parameters.steps >><<^parameters.nothing>>n<</parameters.nothing>>": "String sn",
		"<<# parameters.yes >>a<<# parameters.no >>b<</ parameters.no >>c<</ parameters.yes >>":          "String ac",
		"<<# parameters.yes >>a<<# parameters.yes >>b<</ parameters.yes >>c<</ parameters.yes >>":        "String abc",
		"<<# pipeline.git.tag >>t<</ pipeline.git.tag >>":                                                "String ",
	} {
		got, mistakes := templated(t, text)
		if got != want || mistakes != nil {
			t.Errorf("%q: got %q, %q, want %q", text, got, mistakes, want)
		}
	}
}

func TestTemplateMistakes(t *testing.T) {
	t.Parallel()
	const unclosed = "Unclosed '<<' tag\n('<<' must be escaped as '\\<<' in config v2.1+)"
	unknown := func(name, source, carets string) string {
		return "Referred to a variable \"" + name + "\" that does not exist:\n" + source + "\n" + carets
	}
	for text, want := range map[string][]string{
		"cat <<EOF\nx\nEOF":                      {unclosed},
		"echo << parameters.text":                {unclosed},
		"a <<<word":                              {unclosed},
		"<<>>":                                   {"Expected expression after '<<'"},
		"<< >>":                                  {"Expected expression, found \"\":\n\n^"},
		"cat <<EOF >> file\nEOF\n":               {unknown("EOF", "EOF", "^^^")},
		"cat <<EOF" + strings.Repeat(" x", 1200): {"Expressions must be less than 2048 characters\n" + unclosed},
		"<< " + strings.Repeat("x", 2049) + " >>":    {"Expressions must be less than 2048 characters, this one is 2049"},
		"<<include(scripts/greet.sh)>>":              {"Unclosed '<<' tag in string: '<<include(scripts/greet.sh)>>'\n('<<' must be escaped as '\\<<' in config v2.1+)"},
		"<< parameters.nope >>":                      {"Arguments referenced without declared parameters: nope"},
		"<< parameters.nope and 1 >>":                {unknown("parameters.nope", "parameters.nope and 1", "^^^^^^^^^^^^^^^")},
		"<< false and parameters.nope >>":            {unknown("parameters.nope", "false and parameters.nope", "          ^^^^^^^^^^^^^^^")},
		"<< pipeline.nope >> << matrix.cpu >>":       {unknown("pipeline.nope", "pipeline.nope", "^^^^^^^^^^^^^"), unknown("matrix.cpu", "matrix.cpu", "^^^^^^^^^^")},
		"<< text >>":                                 {unknown("text", "text", "^^^^")},
		"<< parameters.text > 1 >> << 1 + 1 >>":      {"Expected numeric operands to \">\" operator:\nparameters.text > 1\n                ^", "Unexpected character '+':\n1 + 1\n  ^"},
		"x << parameters.steps >>":                   {"parameters.steps is a Sequence and cannot stand inside text"},
		"<<# parameters.yes >>x":                     {"Unclosed section, expected '<</'"},
		"<<# parameters.yes >>x<</ parameters.no >>": {"Expected section end tag to match start tag"},
		"x<</ parameters.no >>":                      {"Expected section end tag to match start tag"},
		"<<# a and b >>x<</ a and b >>":              {"Expected valid identifier, found: a and b"},
		"<<# parameters.yes":                         {unclosed},
		// What a section leaves out is read as well.
		"<<# parameters.no >><< parameters.nope >><</ parameters.no >>": {"Arguments referenced without declared parameters: nope"},
		strings.Repeat("<<# a >>", 51):                                  {"Sections (<<# >>) nest more than 50 levels deep; that is the limit"},
	} {
		_, mistakes := templated(t, text)
		if diff := cmp.Diff(want, mistakes); diff != "" {
			t.Errorf("%.60q: %s", text, diff)
		}
	}
}

// FuzzTemplate: nothing panics, the same text gives the same result twice, and a
// text whose tags are all escaped is the text without the escapes.
func FuzzTemplate(f *testing.F) {
	for _, seed := range []string{
		"<< parameters.n >>", "a << parameters.text >> b", `\\<< 1 >>`, `\<<EOF`, "<<# parameters.yes >>x<</ parameters.yes >>",
		"<<^ parameters.no >><< 1 or 2 >><</ parameters.no >>", "<<>>", "<<", ">>", "<</ a >>", "<<# a", "<<include(x)>>", "<< pipeline.parameters.a:b >>",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		first, mistakes := templated(t, text)
		second, again := templated(t, text)
		if first != second || !cmp.Equal(mistakes, again) {
			t.Fatalf("%q: %q %q, then %q %q", text, first, mistakes, second, again)
		}
		if strings.Contains(text, `\<`) || strings.Contains(text, "<<<") {
			return
		}
		got, mistakes := templated(t, strings.ReplaceAll(text, "<<", `\<<`))
		if mistakes != nil || got != "String "+text {
			t.Fatalf("%q escaped: %q %q", text, got, mistakes)
		}
	})
}
