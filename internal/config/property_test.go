// SPDX-License-Identifier: MPL-2.0

package config

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/core"
)

// TestProcessedHasTheSamePlan: the processed form of any config compiles to the
// plan of the config, on a branch, on another one and for a tag, and so does
// what comes of processing it again.
func TestProcessedHasTheSamePlan(t *testing.T) {
	t.Parallel()
	texts := configs(t, "valid")
	const made = 200
	for seed := range uint64(made) {
		texts[fmt.Sprintf("seed %d", seed)] = newMaker(seed).config()
	}
	compiled := 0
	for name, text := range texts {
		for _, values := range []core.PipelineValues{{"git.branch": "main"}, {"git.branch": "topic"}, {"git.tag": "v1"}} {
			for _, schedule := range []string{"", "w0"} {
				request := core.CompileRequest{Config: text, Values: values, Schedule: schedule}
				if checkSame(t, name, request) {
					compiled++
				}
			}
		}
	}
	if compiled < made*3/2 {
		t.Errorf("only %d configs compile, which proves too little", compiled)
	}
}

// checkSame tells whether the config compiles at all.
func checkSame(t *testing.T, name string, request core.CompileRequest) bool {
	t.Helper()
	first := ask(request)
	if first.Plan == nil {
		return false
	}
	if request.Schedule != "" && len(first.Plan.Workflows) == 0 {
		return true // its condition is false, so that it is not in the processed form
	}
	text := request.Config
	request.Config = first.Processed
	second := ask(request)
	if diff := cmp.Diff(first.Plan, second.Plan); diff != "" {
		t.Fatalf("%s, %v: the processed config has another plan: %s\n%v\n%s\n%s", name, request.Values, diff, second.Errors, text, first.Processed)
	}
	if diff := cmp.Diff(first.Processed, second.Processed); diff != "" {
		t.Fatalf("%s: processing twice differs: %s\n%s", name, diff, text)
	}
	return true
}

// TestPlansAreSound: in any plan names are unique, requirements are known jobs
// listed once, and members of a group belong to one that is there.
func TestPlansAreSound(t *testing.T) {
	t.Parallel()
	for seed := range uint64(400) {
		text := newMaker(seed).config()
		result := compile(text, nil)
		if result.Plan == nil {
			continue
		}
		for _, w := range result.Plan.Workflows {
			if fault := unsound(w); fault != "" {
				t.Fatalf("seed %d: %s\n%s", seed, fault, text)
			}
		}
	}
}

func unsound(w core.WorkflowPlan) string {
	names, groups := map[string]bool{}, map[string]bool{"": true}
	for _, g := range w.Groups {
		if names[g.Name] {
			return "two groups are called " + g.Name
		}
		names[g.Name], groups[g.Name] = true, true
	}
	for _, j := range w.Jobs {
		if names[j.Name] || !groups[j.Group] {
			return fmt.Sprintf("job %s of group %q", j.Name, j.Group)
		}
		names[j.Name] = true
	}
	for _, j := range w.Jobs {
		seen := map[string]bool{}
		for _, r := range j.Requires {
			if !names[r.Job] || groups[r.Job] || seen[r.Job] || len(r.Statuses) == 0 {
				return fmt.Sprintf("job %s requires %+v", j.Name, r)
			}
			seen[r.Job] = true
		}
	}
	return ""
}

// maker writes configs by chance, most of which compile.
type maker struct {
	*rand.Rand
	b strings.Builder
}

func newMaker(seed uint64) *maker { return &maker{Rand: rand.New(rand.NewPCG(seed, 7))} }

func (m *maker) one(of ...string) string { return of[m.IntN(len(of))] }
func (m *maker) often() bool             { return m.IntN(3) > 0 }
func (m *maker) seldom() bool            { return m.IntN(4) == 0 }

func (m *maker) config() string {
	m.b.WriteString(`version: 2.1
jobs:
  build:
    parameters:
      v: {type: string, default: "0"}
      race: {type: boolean, default: false}
    machine: true
    steps:
      - run: make << parameters.v >>
      - when: {condition: << parameters.race >>, steps: [run: make race]}
  test: {docker: [{image: cimg/base:current}], steps: [checkout]}
  gate: {type: no-op}
  take: {type: lock, key: << pipeline.git.branch >>}
`)
	if m.seldom() && m.seldom() {
		m.b.WriteString("setup: true\n")
	}
	groups := m.IntN(3)
	if groups > 0 {
		m.b.WriteString("job-groups:\n")
	}
	for g := range groups {
		fmt.Fprintf(&m.b, "  group-%d:\n    jobs:\n", g)
		m.jobs(0, false)
	}
	m.b.WriteString("workflows:\n")
	for w := range 1 + m.IntN(3) {
		fmt.Fprintf(&m.b, "  w%d:\n", w)
		if m.seldom() {
			fmt.Fprintf(&m.b, "    %s: {equal: [main, << pipeline.git.branch >>]}\n", m.one("when", "unless"))
		}
		if m.seldom() {
			fmt.Fprintf(&m.b, "    max_auto_reruns: %d\n", 1+m.IntN(5))
		}
		if m.seldom() {
			fmt.Fprintf(&m.b, "    triggers: [schedule: {cron: \"%d %d * * 1,2\", filters: {branches: {%s: [main, /x.*/]}}}]\n", m.IntN(60), m.IntN(24), m.one("only", "ignore"))
		}
		m.b.WriteString("    jobs:\n")
		m.jobs(groups, true)
	}
	return m.b.String()
}

// jobs writes a list of jobs that require earlier ones.
func (m *maker) jobs(groups int, serial bool) {
	var before []string
	for n := range 1 + m.IntN(5) {
		called := m.one("build", "build", "test", "gate", "take", "hold")
		if groups > 0 && m.seldom() {
			called = fmt.Sprintf("group-%d", m.IntN(groups))
		}
		name := ""
		if m.often() || called == "hold" || strings.HasPrefix(called, "group") {
			name = fmt.Sprintf("job-%d", n)
		}
		if m.seldom() {
			name = m.one("a", "b")
		}
		fmt.Fprintf(&m.b, "      - %s:\n", called)
		matrix := called == "build" && m.seldom()
		switch {
		case matrix:
			m.matrix(name, n)
			name = fmt.Sprintf("alias-%d", n)
		case name != "":
			fmt.Fprintf(&m.b, "          name: %s\n", name)
		default:
			name = called
		}
		m.keys(called, matrix, serial, before)
		if strings.Contains(name, fmt.Sprint(n)) || m.seldom() && m.seldom() {
			before = append(before, name) // a name that comes once, mostly
		}
	}
}

func (m *maker) matrix(name string, n int) {
	if name != "" && m.often() {
		fmt.Fprintf(&m.b, "          name: %s-<< matrix.v >>\n", name)
	}
	fmt.Fprintf(&m.b, "          matrix:\n            alias: alias-%d\n            parameters:\n              v: [x, %s]\n              race: [yes, false]\n", n, m.one("y", `"1.10"`, "a/b", `"a, b"`, "x"))
	if m.seldom() {
		m.b.WriteString("            exclude: [{v: x, race: true}]\n")
	}
}

// keys writes the other keys of an entry.
func (m *maker) keys(called string, matrix, serial bool, before []string) {
	group := strings.HasPrefix(called, "group")
	switch {
	case called == "hold":
		m.b.WriteString("          type: approval\n")
	case called == "build" && !matrix && m.often():
		fmt.Fprintf(&m.b, "          v: \"%d\"\n", m.IntN(3))
	case called == "test" && m.seldom():
		m.b.WriteString("          pre-steps: [run: echo before]\n")
	}
	if !group && m.seldom() {
		fmt.Fprintf(&m.b, "          context: [%s, << pipeline.git.branch >>]\n", m.one("one", "\"two words\"", `'\<<x'`))
	}
	if serial && m.seldom() {
		fmt.Fprintf(&m.b, "          serial-group: %s/x\n", m.one("a", "b", "c"))
	}
	if m.seldom() {
		fmt.Fprintf(&m.b, "          filters: %s\n", m.one("{branches: {only: main}}", "{branches: {ignore: [main, /t.*/]}}", "{tags: {only: /v.*/}}",
			"{tags: {only: /.*/}, branches: {only: topic}}", `pipeline.git.branch == "main"`))
	}
	if len(before) == 0 || m.seldom() {
		m.b.WriteString("          requires: []\n")
		return
	}
	m.b.WriteString("          requires:\n")
	for range 1 + m.IntN(2) {
		fmt.Fprintf(&m.b, "            - %s%s\n", before[m.IntN(len(before))], m.one("", "", ": failed", ": terminal", ": [failed, success]"))
	}
}
