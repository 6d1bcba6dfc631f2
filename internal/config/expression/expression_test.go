// SPDX-License-Identifier: MPL-2.0

package expression

import (
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/muster-ci/muster/internal/testx"
)

func evaluate(source string, env map[string]Value) (Value, error) {
	e, err := Parse(source)
	if err != nil {
		return Value{}, err
	}
	lookup := func(name string) (Value, bool) {
		v, ok := env[name]
		return v, ok
	}
	return e.Evaluate(Environment{Lookup: lookup})
}

var environment = map[string]Value{
	"branch": String("feature/x"), "number": Integer(7), "zero": Integer(0), "empty": String(""),
	"yes": Boolean(true), "no": Boolean(false), "absent": {}, "list": Other("a list"),
}

func TestEvaluate(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		// Only false and undefined are false.
		`zero or 1`: "0", `empty or 1`: "", `no or 1`: "1", `absent or 1`: "1", `list and 1`: "1",
		// `and` and `or` return operands, so that together they choose.
		`yes and 10 or 1`: "10", `no and 10 or 1`: "1", `absent and 1`: "undefined",
		// Undefined is neither equal nor unequal, and not smaller than anything.
		`absent == absent`: "undefined", `absent != 1`: "undefined", `absent < "text"`: "undefined", `not absent`: "true",
		`absent == 1 or "b"`: "b",
		// Values of different types differ.
		`1 == "1"`: "false", `1 != "1"`: "true", `list == list`: "false",
		// Precedence: or, and, equality, comparison, not.
		`yes or yes and no`: "true", `not no and no`: "false", `1 < 2 == true`: "true", `not 1 == 2`: "false",
		`no == 2 > 1`: "false", `(yes or yes) and no`: "false",
		// Operators on text.
		`branch starts-with "feature/"`: "true", `branch contains "e/"`: "true", `branch matches /feature\/.+/`: "true",
		`branch matches /feature/`: "false", `"ab" matches /a|ab/`: "true", `"a
b" matches /a.b/`: "false", `"a/b" matches /a\/b/`: "true",
		// Escapes in text.
		`"a \"b\" \\ \n"`: `a "b" \ \n`,
		// A name may have - _ ? and dots; a dot at its end is not part of it.
		`"and" == "AND"`: "false", `yes AND number`: "7",
	} {
		got, err := evaluate(source, environment)
		if err != nil || got.String() != want {
			t.Errorf("%s: got %s, %v, want %s", source, got, err, want)
		}
	}
}

func TestMistakes(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		"5 - 3":               "Unexpected character '-':\n5 - 3\n  ^",
		"name = 1":            "Incomplete token, expected \"==\", found ' ':\nname = 1\n      ^",
		"name =":              "Incomplete token, expected \"==\", found '':\nname =\n      ^",
		`yes and "open`:       "Unterminated string starting here:\nyes and \"open\n        ^",
		"branch matches /(/":  "Syntax error in pattern:\nbranch matches /(/\n               ^",
		"yes and )":           "Expected expression, found \")\":\nyes and )\n        ^",
		"(yes":                "Expected ')' after expression:\n(yes\n    ^",
		"yes no":              "Unexpected additional input, found \"no\", expected EOF:\nyes no\n    ^^",
		"yes plus no":         "Unknown infix function:\nyes plus no\n    ^^^^",
		"number < yes":        "Expected numeric operands to \"<\" operator:\nnumber < yes\n       ^",
		"number contains 7":   "Expected string operands to \"contains\" operator:\nnumber contains 7\n       ^^^^^^^^",
		`branch matches "f"`:  "Expected the right operand to \"matches\" operator to be a pattern:\nbranch matches \"f\"\n       ^^^^^^^",
		"yes and\n  nobody\n": "Referred to a variable \"nobody\" that does not exist:\n  nobody\n  ^^^^^^",
		`"é" == né`:           "Unexpected character 'é':\n\"é\" == né\n        ^",
		strings.Repeat("(", 101) + "yes": "Expressions nest at most 100 levels deep; that is the limit:\n" +
			strings.Repeat("(", 101) + "yes\n" + strings.Repeat(" ", 100) + "^",
		strings.Repeat("x", 2049):                                              "Expressions must be less than 2048 characters, this one is 2049",
		`branch matches /(x{1000}){1000}/`:                                     "Syntax error in pattern:\nbranch matches /(x{1000}){1000}/\n               ^",
		`branch matches /(x{1000}|y{1000})(x{1000}|y{1000})(x{1000}|y{1000})/`: "Syntax error in pattern:\nbranch matches /(x{1000}|y{1000})(x{1000}|y{1000})(x{1000}|y{1000})/\n               ^",
	} {
		_, err := evaluate(source, environment)
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%s: got %v, want an *Error", source, err)
			continue
		}
		if got := e.Explain(source); got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", source, got, want)
		}
	}
}

func TestNamesAreListedWhateverIsEvaluated(t *testing.T) {
	t.Parallel()
	e, err := Parse(`false and a.b or not (c == "d" or a.b)`)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, n := range e.Names() {
		got = append(got, n.Text)
	}
	if strings.Join(got, " ") != "a.b c a.b" || e.Names()[1].Position != 22 || e.Only() != "" {
		t.Errorf("got %v", e.Names())
	}
	if e, err := Parse(" a.b\n"); err != nil || e.Only() != "a.b" {
		t.Errorf("got %v, %v", e, err)
	}
}

func TestOperandsKeepTheirOrigin(t *testing.T) {
	t.Parallel()
	got, err := evaluate("a or b", map[string]Value{"a": {}, "b": Boolean(true).From("yes, as written")})
	if err != nil || got.Origin != "yes, as written" {
		t.Errorf("got %v, %v", got.Origin, err)
	}
}

func TestMatchingIsPaidFor(t *testing.T) {
	t.Parallel()
	e, err := Parse(`a matches /(x*)*y/ or a matches /x+/`)
	if err != nil {
		t.Fatal(err)
	}
	left := 1000
	_, err = e.Evaluate(Environment{
		Lookup: func(string) (Value, bool) { return String(strings.Repeat("x", 10_000)), true },
		Spend:  func(work int) bool { left -= work; return left >= 0 },
	})
	var failure *Error
	if !errors.As(err, &failure) || failure.Kind != TooMuchWork {
		t.Errorf("got %v", err)
	}
}

// hostile returns expressions that are as expensive as their length allows.
func hostile() map[string]string {
	return map[string]string{
		"parentheses": strings.Repeat("(", MaxLength),
		"negations":   strings.Repeat("!", MaxLength-1) + "a",
		"a chain":     strings.Repeat("a and ", MaxLength/6) + "a",
		"comparisons": strings.Repeat("1<", MaxLength/2-1) + "1",
		"patterns":    strings.Repeat("a matches /(a{90}|b{90}){9}/ or ", MaxLength/33) + "a",
		"classes":     strings.Repeat(`a matches /(?i)\pL{999}/ or `, MaxLength/29) + "a",
	}
}

func TestHostileExpressionsEndSoon(t *testing.T) {
	t.Parallel()
	for name, source := range hostile() {
		took := testx.CPU(func() { _, _ = evaluate(source, map[string]Value{"a": String("aaaaaaaaaaaaaaaa")}) })
		// Several times the promise, for slow machines and -race.
		if took > 500*time.Millisecond {
			t.Errorf("%s: took %s", name, took)
		}
	}
}

// FuzzExpression: nothing panics; an error lies inside its text; the same text
// has the same meaning twice; a text in parentheses means the same.
func FuzzExpression(f *testing.F) {
	for _, seed := range []string{
		`foo and not bar or baz == "qux" or (12 > 14 or not true)`, `a.b-c_d? starts-with "x\"\\"`, `v matches /a\/[b-d]{2,3}/`,
		"(((1)))", "!!no", `"`, "/(/", "= ", "1..2", "a..b", "é", "a b c", "9223372036854775808",
	} {
		f.Add(seed, "text", int64(3), true)
	}
	f.Fuzz(func(t *testing.T, source, v string, n int64, b bool) {
		env := map[string]Value{"a": String(v), "v": String(v), "foo": Boolean(b), "bar": {}, "baz": Integer(n), "no": Boolean(false)}
		value, err := evaluate(source, env)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Position < 0 || e.Position > utf8.RuneCountInString(source) || e.Explain(source) == "" {
				t.Fatalf("%q: %#v", source, err)
			}
			return
		}
		around, err := evaluate("("+source+"\n)", env)
		var e *Error
		if errors.As(err, &e) && (e.Kind == TooLong || e.Kind == TooDeep) {
			return
		}
		if err != nil || around.String() != value.String() || around.Kind() != value.Kind() {
			t.Fatalf("%q: got %v, in parentheses %v, %v", source, value, around, err)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(`pipeline.git.branch == "main" and pipeline.number > 10 or parameters.force`); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEvaluate(b *testing.B) {
	e, err := Parse(`branch == "main" and number > 10 or branch matches /feature\/.*/`)
	if err != nil {
		b.Fatal(err)
	}
	env := Environment{Lookup: func(name string) (Value, bool) {
		v, ok := environment[name]
		return v, ok
	}}
	b.ReportAllocs()
	for b.Loop() {
		if v, err := e.Evaluate(env); err != nil || !v.Truthy() {
			b.Fatal(v, err)
		}
	}
}

func BenchmarkHostile(b *testing.B) {
	for name, source := range hostile() {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				_, _ = evaluate(source, map[string]Value{"a": String("aaaaaaaaaaaaaaaa")})
			}
		})
	}
}
