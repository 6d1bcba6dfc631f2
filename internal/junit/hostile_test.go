// SPDX-License-Identifier: MPL-2.0

package junit

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/core"
)

// one wraps a test in a suite.
func one(inner string) string {
	return `<testsuite name="s"><testcase classname="c" name="n" time="1">` + inner + `</testcase></testsuite>`
}

func wide(text string, mark, bigEndian bool) string {
	var out strings.Builder
	units := utf16.Encode([]rune(text))
	if mark {
		units = append([]uint16{0xfeff}, units...)
	}
	for _, u := range units {
		if bigEndian {
			out.Write([]byte{byte(u >> 8), byte(u)})
		} else {
			out.Write([]byte{byte(u), byte(u >> 8)})
		}
	}
	return out.String()
}

// TestMessages reads what strict readers stumble over, once whole and once byte
// by byte.
func TestMessages(t *testing.T) {
	t.Parallel()
	failure := `<failure message="é">x</failure>`
	for name, c := range map[string]struct{ text, want string }{
		"byte-order mark":         {"\xef\xbb\xbf<?xml version=\"1.0\"?>" + one(failure), "é\nx"},
		"UTF-16 little endian":    {wide(`<?xml version="1.0" encoding="utf-16"?>`+one(failure), true, false), "é\nx"},
		"UTF-16 big endian":       {wide(`<?xml version="1.0" encoding="utf-16"?>`+one(failure), true, true), "é\nx"},
		"UTF-16 without a mark":   {wide(`<?xml version="1.0" encoding="utf-16"?>`+one(failure), false, false), "é\nx"},
		"UTF-16 that is UTF-8":    {`<?xml version="1.0" encoding="utf-16"?>` + one(failure), "é\nx"},
		"Latin 1":                 {`<?xml version='1.0' encoding='ISO-8859-1'?>` + one("<failure message=\"\xe9\">x</failure>"), "é\nx"},
		"Windows 1252":            {`<?xml version="1.0" encoding="windows-1252"?>` + one("<failure>\x80</failure>"), "€"},
		"Shift JIS":               {`<?xml version="1.0" encoding="Shift_JIS"?>` + one("<failure>\x83e\x83X\x83g</failure>"), "テスト"},
		"unknown encoding":        {`<?xml version="1.0" encoding="klingon"?>` + one(failure), "é\nx"},
		"broken UTF-8":            {one("<failure>a\xff\xfeb</failure>"), "a\ufffd\ufffdb"},
		"control characters":      {one("<failure>a\x00\x01\x08b\x7f</failure>"), "ab"},
		"numbers of such":         {one("<failure>a&#0;&#1;&#x1f;&#xFFFF;b</failure>"), "a\ufffdb"},
		"escape sequences":        {one("<failure>\x1b[31;1mred\x1b[0m &#27;[32mgreen&#x1b;[m</failure>"), "red green"},
		"escape at the end":       {one("<failure>red\x1b[31</failure>"), "red[31"},
		"lone ampersands":         {one("<failure message=\"a & b &; &#; &nope;\">fish & chips &amp</failure>"), "a & b &; &#; &nope;\nfish & chips &amp"},
		"lone brackets":           {one("<failure>1 < 2 and 3 > 2 <= 4</failure>"), "1 < 2 and 3 > 2 <= 4"},
		"comments":                {one("<failure>a<!-- <failure>no</failure> -->b</failure>"), "ab"},
		"instructions":            {one("<?php echo '<testcase/>' ?><failure>b</failure>"), "b"},
		"CDATA with an end in it": {one("<failure><![CDATA[a]]]]><![CDATA[>b]]></failure>"), "a]]>b"},
		"entities in CDATA":       {one("<failure><![CDATA[&lt;a&gt;]]></failure>"), "&lt;a&gt;"},
		"single quotes":           {one("<failure message='say \"hi\"'/>"), `say "hi"`},
		"spaces in tags":          {one("<failure  message = \n\"a\"\t></failure >"), "a"},
		"no quotes":               {one("<failure message=a type>b</failure>"), "b"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for how, r := range map[string]io.Reader{"whole": strings.NewReader(c.text), "bytes": iotest.OneByteReader(strings.NewReader(c.text))} {
				var got []string
				err := Parse(r, DefaultLimits(), func(t Test) error {
					got = append(got, t.Message)
					return nil
				})
				if diff := cmp.Diff([]string{c.want}, got); err != nil || diff != "" {
					t.Errorf("%s: %v, messages differ (-want +got):\n%s", how, err, diff)
				}
			}
		})
	}
}

// TestBrokenFiles reads files that are not as their writers meant them.
func TestBrokenFiles(t *testing.T) {
	t.Parallel()
	lol := `<!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;&lol;"> <!ENTITY x SYSTEM "file:///etc/passwd">]>`
	for name, c := range map[string]struct {
		text    string
		tests   int
		problem string
	}{
		"nothing":             {"", 0, "no test results"},
		"spaces":              {" \n ", 0, "no test results"},
		"coverage":            {`<coverage line-rate="1"><class name="a"/></coverage>`, 0, "no test results"},
		"text":                {"ok 1 - it works", 0, "no test results"},
		"other JSON":          {`{"numTotalTests": 3}`, 0, "no test results"},
		"list of other JSON":  {`[{"filePath": "a.js", "messages": []}]`, 0, "no test results"},
		"list of numbers":     {`[1, 2]`, 0, "no test results"},
		"no tests":            {`<testsuites/>`, 0, ""},
		"a test alone":        {`<testcase name="a"/>`, 1, ""},
		"cut in text":         {`<testsuite><testcase name="a"/><testcase name="b"><failure>x`, 1, "ends in the middle"},
		"cut in a tag":        {`<testsuite><testcase name="a"/><testcase na`, 1, "ends in the middle"},
		"cut in CDATA":        {`<testsuite><testcase name="a"/><system-out><![CDATA[ x`, 1, "ends in the middle"},
		"cut in a comment":    {`<testsuite><testcase name="a"/><!-- x`, 1, "ends in the middle"},
		"cut JSON":            {`[{"uri": "f", "elements": [{"name": "a", "type": "scenario"}]}, {"uri"`, 1, "ends in the middle"},
		"wrong end tags":      {`<testsuite><testcase name="a"></b></testcase></c><testcase name="b"></testsuite>`, 2, ""},
		"two files in one":    {`<testsuite><testcase name="a"/></testsuite><testsuite><testcase name="b"/></testsuite>`, 2, ""},
		"entities":            {lol + `<testsuite><testcase name="&lol2;"><failure>&x;</failure></testcase></testsuite>`, 1, ""},
		"too deep":            {`<testsuite>` + strings.Repeat("<testsuite>", 1000), 0, "nested deeper than 200"},
		"deep JSON":           {`[{"uri": "f", "elements": ` + strings.Repeat("[", 100_000), 0, "no test results"},
		"a test in a test":    {`<testsuite><testcase name="a"><testcase name="b"/></testcase></testsuite>`, 1, ""},
		"attributes and more": {`<testsuite><testcase name="a" ` + strings.Repeat(`x="1" `, 10_000) + `/></testsuite>`, 1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tests, err := read([]byte(c.text), DefaultLimits())
			if len(tests) != c.tests {
				t.Errorf("got %d tests, want %d", len(tests), c.tests)
			}
			var problem *FileError
			if c.problem == "" && err != nil || c.problem != "" && (!errors.As(err, &problem) || !strings.Contains(err.Error(), c.problem)) {
				t.Errorf("got the problem %v, want %q", err, c.problem)
			}
		})
	}
}

func TestEntitiesAreNotExpanded(t *testing.T) {
	t.Parallel()
	text := `<!DOCTYPE t [<!ENTITY a "aaaa">]><testsuite><testcase name="&a;"/></testsuite>`
	tests, err := read([]byte(text), DefaultLimits())
	if err != nil || len(tests) != 1 || tests[0].Name != "&a;" {
		t.Errorf("got %+v, %v, want the entity as it stands", tests, err)
	}
}

// TestLimits holds each of them.
func TestLimits(t *testing.T) {
	t.Parallel()
	limits := Limits{Bytes: 1 << 20, JSON: 1 << 10, Depth: 10, Tests: 5, Message: 100}
	long := strings.Repeat("é", 1000)
	for name, c := range map[string]struct{ text, problem string }{
		"tests": {`<testsuite>` + strings.Repeat(`<testcase name="a"/>`, 6), "more than 5 tests"},
		"bytes": {`<testsuite><testcase name="a"/>` + strings.Repeat(" ", 1<<20), "longer than 1 MiB"},
		"JSON":  {`[{"uri": "f", "elements": [{"name": "a", "type": "scenario"}]}` + strings.Repeat(" ", 2000) + `]`, "longer than 0 MiB"},
		"depth": {strings.Repeat("<testsuite>", 11), "deeper than 10"},
		"texts": {`<testsuite><testcase name="` + strings.Repeat(long, 10) + `"><failure message="` + long + `">` + long + `</failure></testcase></testsuite>`, ""},
	} {
		tests, err := read([]byte(c.text), limits)
		if c.problem == "" && err != nil || c.problem != "" && (err == nil || !strings.Contains(err.Error(), c.problem)) {
			t.Errorf("%s: got the problem %v, want %q", name, err, c.problem)
		}
		for _, one := range tests {
			if len(one.Name) > maxName || len(one.Message) > limits.Message {
				t.Errorf("%s: got a name of %d and a message of %d bytes", name, len(one.Name), len(one.Message))
			}
		}
	}
}

// TestMemoryIsBounded reads a file of 64 MiB, all of it one message.
func TestMemoryIsBounded(t *testing.T) {
	head, tail := `<testsuite><testcase name="a"><failure><![CDATA[`, `]]></failure></testcase></testsuite>`
	middle := strings.Repeat("all work and no play ", 50_000)
	parts := []io.Reader{strings.NewReader(head)}
	for range 64 {
		parts = append(parts, strings.NewReader(middle))
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	tests := 0
	err := Parse(io.MultiReader(append(parts, strings.NewReader(tail))...), DefaultLimits(), func(Test) error { tests++; return nil })
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; err != nil || tests != 1 || used > 1<<20 {
		t.Errorf("got %d tests, %v, and %d bytes allocated", tests, err, used)
	}
}

func TestErrorsOfOthersComeThrough(t *testing.T) {
	t.Parallel()
	broken, full := errors.New("broken"), errors.New("full")
	err := Parse(io.MultiReader(strings.NewReader("<testsuite>"+strings.Repeat(" ", 2000)), iotest.ErrReader(broken)), DefaultLimits(), nil)
	if !errors.Is(err, broken) {
		t.Errorf("got %v, want the reader's error", err)
	}
	err = Parse(strings.NewReader(one("")), DefaultLimits(), func(Test) error { return full })
	if !errors.Is(err, full) {
		t.Errorf("got %v, want the error of add", err)
	}
}

func TestSeconds(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]float64{
		"0.012": .012, "1,234.5": 1234.5, "0,012": .012, "1.234,5": 1234.5, "00:01:02.5": 62.5, "1.5s": 1.5, " 2 ": 2, "1.2e-05": 1.2e-05, "0.": 0,
		"": 0, "-1": 0, "NaN": 0, "Inf": 0, "soon": 0, "1e300": 0, "a:b": 0,
	} {
		if got := seconds(text); got != want {
			t.Errorf("%q: got %g, want %g", text, got, want)
		}
	}
}

// TestPieces reads a file whose tags and texts lie across the borders of the
// scanner's window in many ways.
func TestPieces(t *testing.T) {
	t.Parallel()
	for shift := range 60 {
		text := `<testsuite name="s"><!--` + strings.Repeat(".", window-60+shift-len(`<testsuite name="s"><!--`)) + `-->` +
			`<testcase name="a&amp;b" time="1"><failure message="&lt;m&gt;">x &amp; y<![CDATA[ ]]]></failure></testcase></testsuite>`
		tests, err := read([]byte(text), DefaultLimits())
		want := []Test{{Test: core.Test{Name: "a&b", ClassName: "s", Result: core.TestFailure, RunTime: 1, Message: "<m>\nx & y ]", Source: "junit"}}}
		if diff := cmp.Diff(want, tests); err != nil || diff != "" {
			t.Fatalf("shift %d: %v, differs (-want +got):\n%s", shift, err, diff)
		}
	}
}

func TestFilePath(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"./a/b.rb": "a/b.rb", ".//a.rb": "a.rb", `test\jest\a.ts`: "test/jest/a.ts", "/abs/a.go": "/abs/a.go", "../a": "../a", `a/b\c`: `a/b\c`,
	} {
		if got := filePath([]byte(text)); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

// FuzzParse looks for panics, for texts that would disturb a terminal or a
// database, and for differences between a file at once and in pieces.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob(filepath.Join("testdata", "corpus", "*"))
	if err != nil || len(files) == 0 {
		f.Fatalf("no corpus: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	limits := Limits{Bytes: 1 << 20, JSON: 1 << 20, Depth: 20, Tests: 100, Message: 64}
	f.Fuzz(func(t *testing.T, text []byte) {
		tests, err := read(text, limits)
		var again []Test
		pieces := Parse(iotest.HalfReader(strings.NewReader(string(text))), limits, func(t Test) error {
			again = append(again, t)
			return nil
		})
		if diff := cmp.Diff(tests, again); diff != "" || fmt.Sprint(err) != fmt.Sprint(pieces) {
			t.Errorf("in pieces it reads otherwise: %v, %v\n%s", err, pieces, diff)
		}
		for _, one := range tests {
			all := one.Name + one.ClassName + one.File + one.Message
			if strings.ContainsAny(all, "\x00\x1b\r\x7f") || strings.ToValidUTF8(all, "") != all {
				t.Errorf("got a test that cannot be shown: %q", all)
			}
			if len(one.Message) > limits.Message || one.RunTime < 0 || one.Result == "" {
				t.Errorf("got a test beyond the limits: %+v", one)
			}
		}
	})
}
