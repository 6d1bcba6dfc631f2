// SPDX-License-Identifier: MPL-2.0

package document

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

func parse(t *testing.T, text string) *Node {
	t.Helper()
	n, err := Parse(text, Limits{})
	if err != nil {
		t.Fatalf("Parse: %v", err)
	}
	return n
}

func TestPlacesAndPaths(t *testing.T) {
	t.Parallel()
	n := parse(t, "jobs:\n  build:\n    steps:\n      - checkout\n      - run: make\n")
	run := n.Get("jobs").Get("build").Get("steps").Items[1].Get("run")
	if run.Line != 5 || run.Column != 14 || run.Path() != "jobs/build/steps/1/run" {
		t.Errorf("got %d:%d %s", run.Line, run.Column, run.Path())
	}
}

func TestMergeKeys(t *testing.T) {
	t.Parallel()
	n := parse(t, "a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc:\n  z: 3\n  <<: [*a, *b]\n")
	c := n.Get("c")
	got := map[string]string{}
	for i, k := range c.Keys {
		got[k.Text] = c.Items[i].Text
	}
	if diff := cmp.Diff(map[string]string{"x": "1", "y": "1", "z": "3"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestRepeatedKeysAreAllTold(t *testing.T) {
	t.Parallel()
	_, err := Parse("a: 1\nb: {c: 1, c: 2}\na: 2\n", Limits{})
	var e *Error
	if !errors.As(err, &e) || len(e.Also) != 1 {
		t.Fatalf("got %v", err)
	}
	for _, one := range []struct {
		e       *Error
		line    int
		key, at string
	}{{e, 2, "key c,", "line 2, column 5"}, {e.Also[0], 3, "key a,", "line 1, column 1"}} {
		if one.e.Line != one.line || !strings.Contains(one.e.Message, one.key) || !strings.Contains(one.e.Message, one.at) {
			t.Errorf("got %d: %s", one.e.Line, one.e.Message)
		}
	}
}

func TestBooleansOfYAML11(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"yes": "true", "On": "true", "TRUE": "true", "off": "false", "No": "false",
		"'yes'": "", "yEs": "", "1": "", "y": "",
	} {
		value, ok := parse(t, "a: "+text).Get("a").AsBool()
		got := ""
		if ok {
			got = map[bool]string{true: "true", false: "false"}[value]
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}

func TestErrorsTellTheirPlace(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"a: [1, 2\nb: 3\n":       "Unable to parse YAML",
		"a:\n\t- b\n":            "Unable to parse YAML",
		"a: &a [*a]\n":           "stands inside the value",
		"? [a]\n: b\n":           "A key must be text",
		"a: 1\n---\nb: 2\n":      "single document",
		"<<: 5\n":                "merge key",
		"a: b\xff\n":             "not valid UTF-8",
		"a: &x {b: *nothere}\n":  "unknown anchor",
		"a: 'not closed\nb: c\n": "Unable to parse YAML",
	} {
		_, err := Parse(text, Limits{})
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(e.Message, want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

// hostile returns inputs that cost far more than their size.
func hostile() map[string]string {
	var laughs strings.Builder
	laughs.WriteString("a0: &a0 [lol]\n")
	for i := range 40 {
		fmt.Fprintf(&laughs, "a%d: &a%d [%s]\n", i+1, i+1, strings.Repeat(fmt.Sprintf("*a%d,", i), 9))
	}
	return map[string]string{
		"size":     strings.Repeat("#", 2<<20),
		"laughs":   laughs.String(),
		"depth":    strings.Repeat("[", 1<<19),
		"dashes":   strings.Repeat("- ", 20_000),
		"maps":     strings.Repeat("{a: ", 5_000) + strings.Repeat("}", 5_000),
		"commas":   "[" + strings.Repeat("a,", 1<<18) + "]",
		"pairs":    strings.Repeat("a: b\n", 1<<17),
		"question": strings.Repeat("? ", 30_000),
		"merge":    "m: &m {" + longMap(9_000) + "}\n" + strings.Repeat("- {<<: *m}\n", 0) + "l: [" + strings.Repeat("{<<: *m},", 9_000) + "]\n",
		"bytes":    "a: &a " + strings.Repeat("x", 1<<19) + "\nb: [" + strings.Repeat("*a,", 1000) + "]\n",
	}
}

func longMap(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("k")
		b.WriteString(strings.Repeat("i", i%3))
		b.WriteString(string(rune('a'+i%26)) + string(rune('a'+i/26%26)) + string(rune('a'+i/676)) + ": 1, ")
	}
	return b.String()
}

func TestHostileTextEndsSoon(t *testing.T) {
	t.Parallel()
	for name, text := range hostile() {
		_, err := Parse(text, Limits{})
		if err == nil {
			t.Errorf("%s: was accepted", name)
			continue
		}
		if !strings.Contains(err.Error(), "limit") {
			t.Errorf("%s: got %q, which names no limit", name, err)
		}
	}
}

// FuzzWriter: whatever is written comes back as the same string.
func FuzzWriter(f *testing.F) {
	for _, text := range []string{
		"", "a", "yes", "1.10", "a: b", "- a", "#x", " a", "a ", "a\nb", "a\n", "a\nb\n\n", "\na", " a\nb", "a\n b\n\tc",
		"a\x85b\nc", "\u2028\nx", "\ufeff", "'", "\"\n\"", "a\r\nb", "null", "~", "0x1f", "1:30", "a:b", "a #b", "=", "x=", "<<", strings.Repeat("k ", 600), "a\n \n", "a\n---\nb", "\x00", "a@b",
	} {
		f.Add(text, text)
	}
	f.Fuzz(func(t *testing.T, key, text string) {
		if strings.ToValidUTF8(key, "") != key || strings.ToValidUTF8(text, "") != text || key == "<<" || len(key) > 5000 {
			return
		}
		var w Writer
		w.Key("top")
		w.In()
		w.Item()
		w.Pair(key, text)
		w.EndItem()
		w.Value(text)
		w.Out()
		w.Pair("end", text)
		var got struct {
			Top []any
			End string
		}
		if err := yaml.Unmarshal([]byte(w.String()), &got); err != nil {
			t.Fatalf("%v in\n%s", err, w.String())
		}
		want := []any{map[string]any{key: text}, text}
		if diff := cmp.Diff(want, got.Top); diff != "" || got.End != text {
			t.Fatalf("%s\nend %q in\n%s", diff, got.End, w.String())
		}
	})
}
