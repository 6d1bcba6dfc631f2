// SPDX-License-Identifier: MPL-2.0

package terminal_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/internal/api"
	"github.com/muster-ci/muster/internal/client"
	"github.com/muster-ci/muster/internal/terminal"
)

func TestOutputIsMadeHarmless(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ in, safe, plain string }{
		"text":               {"héllo\tworld", "héllo\tworld", "héllo\tworld"},
		"colour":             {"\x1b[1;31mred\x1b[0m", "\x1b[1;31mred\x1b[0m", "red"},
		"title":              {"a\x1b]0;owned\x07b", "ab", "ab"},
		"title ended by ST":  {"a\x1b]0;owned\x1b\\b", "ab", "ab"},
		"clipboard":          {"\x1b]52;c;cm0gLXJm\x07x", "x", "x"},
		"hyperlink":          {"\x1b]8;;javascript:x\x1b\\text\x1b]8;;\x1b\\", "text", "text"},
		"cursor":             {"\x1b[2J\x1b[1;1Hx\x1b[3A", "x", "x"},
		"device status":      {"\x1b[6nx\x1b[c", "x", "x"},
		"request of a DCS":   {"\x1bP$q\"p\x1b\\x", "x", "x"},
		"reset":              {"\x1bcx", "x", "x"},
		"charset":            {"\x1b(0x", "x", "x"},
		"bell and backspace": {"a\x07\x08b", "ab", "ab"},
		"C1 controls":        {"a\u009b31mb\u0090c", "a31mbc", "a31mbc"},
		"cut off":            {"x\x1b[31", "x", "x"},
		"escape at the end":  {"x\x1b", "x", "x"},
		"colour with a trap": {"\x1b[31;\x07mx", "mx", "mx"},
	} {
		if got := terminal.Safe(test.in); got != test.safe {
			t.Errorf("%s: safe is %q, want %q", name, got, test.safe)
		}
		if got := terminal.Plain(test.in); got != test.plain {
			t.Errorf("%s: plain is %q, want %q", name, got, test.plain)
		}
	}
}

// FuzzPlain holds that nothing is left that a terminal acts on.
func FuzzPlain(f *testing.F) {
	for _, seed := range []string{"x", "\x1b[31mred", "\x1b]0;t\x07", "\x1b\x1b[[m", "\u009b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, r := range terminal.Plain(text) {
			if r < 0x20 && r != '\t' && r != '\n' || r == 0x7f {
				t.Errorf("%q keeps %q", text, r)
			}
		}
		if rest := terminal.Safe(text); strings.Contains(rest, "\x1b]") || strings.Contains(rest, "\x1bP") {
			t.Errorf("%q keeps a sequence: %q", text, rest)
		}
	})
}

func TestLinesShowWhatWasWrittenLast(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"a": "a", "10%\r20%": "20%", "a\r\n"[:2]: "a", "a\rb\r\r": "b", "": ""} {
		if got := terminal.Line(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	terminal.Table(&b, terminal.Style{Colour: true}, [][]string{{"JOB", "STATUS", "T"}, {"äöü-long", terminal.Style{Colour: true}.Status("success"), "1s"}, {"b", "x", ""}})
	want := "JOB       STATUS   T\näöü-long  success  1s\nb         x\n"
	if diff := cmp.Diff(want, terminal.Plain(b.String())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !strings.Contains(b.String(), "\x1b[32msuccess\x1b[0m") {
		t.Errorf("got no colour in %q", b.String())
	}
}

func TestTook(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{-1: "0.0s", 1234 * time.Millisecond: "1.2s", 61 * time.Second: "1m01s", 3723 * time.Second: "1h02m"} {
		if got := terminal.Took(d); got != want {
			t.Errorf("%d: got %s, want %s", d, got, want)
		}
	}
}

// TestFirstLine: a step without a name is called by its whole script.
func TestFirstLine(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"go test ./...":                    "go test ./...",
		"\n  go vet\r\ngo test\n":          "go vet ...",
		strings.Repeat("ä", 80):            strings.Repeat("ä", 80),
		strings.Repeat("ä", 81) + "\nmore": strings.Repeat("ä", 77) + "...",
		"a\x1b[2Jb":                        "ab",
	} {
		if got := terminal.FirstLine(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// TestJobsAtOnce has lines of two jobs carry their names, and parts of lines
// wait for their ends.
func TestJobsAtOnce(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	f := terminal.NewFollower(&b, terminal.Style{})
	job := func(id, status string) client.Event {
		return client.Event{Job: &api.JobEvent{WorkflowJob: api.WorkflowJob{ID: id, Name: "job-" + id, Status: status}, Parallelism: 1}}
	}
	step := func(id, status string) client.Event {
		now := time.Now()
		return client.Event{Step: &api.StepEvent{Place: api.Place{JobID: id, AttemptID: id, Attempt: 1}, Step: api.Step{Name: "run", Status: status, StartedAt: now, StoppedAt: &now}}}
	}
	wrote := func(id, text string) client.Event {
		return client.Event{Output: &api.OutputEvent{Place: api.Place{JobID: id, AttemptID: id}, Text: text}}
	}
	for _, e := range []client.Event{
		job("a", "running"), step("a", "running"), wrote("a", "alone\n"),
		job("b", "running"), job("b", "running"), step("b", "running"),
		wrote("a", "one "), wrote("b", "two\n"), wrote("a", "three\n"), wrote("b", "no end"),
		step("b", "success"), job("b", "success"), wrote("a", "alone again\n"), {End: &api.EndEvent{Status: "success"}},
	} {
		if err := f.Show(e); err != nil {
			t.Fatal(err)
		}
	}
	want := `job-a runs
== run
alone
job-b runs
job-b | == run
job-b | two
job-a | one three
job-b | no end
job-b |    ok 0.0s
job-b success
alone again
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if f.Status() != "success" {
		t.Errorf("status: got %q", f.Status())
	}
}
