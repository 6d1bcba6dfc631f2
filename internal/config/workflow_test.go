// SPDX-License-Identifier: MPL-2.0

package config

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/core"
)

func planOf(t *testing.T, request core.CompileRequest) *core.Plan {
	t.Helper()
	result := ask(request)
	if result.Plan == nil {
		t.Fatal(result.Errors)
	}
	return result.Plan
}

func workflowNames(list []core.WorkflowPlan) string {
	names := make([]string, 0, len(list))
	for _, w := range list {
		names = append(names, w.Name)
	}
	return strings.Join(names, " ")
}

// wantError compiles what must fail with a message.
func wantError(t *testing.T, request core.CompileRequest, want string) {
	t.Helper()
	result := ask(request)
	for _, e := range result.Errors {
		if strings.Contains(e.Message, want) && result.Plan == nil {
			return
		}
	}
	t.Errorf("got %v, want an error with %q", result.Errors, want)
}

func TestASchedulePicksItsWorkflow(t *testing.T) {
	t.Parallel()
	text := `
version: 2.1
jobs:
  j: {machine: true, steps: [checkout]}
workflows:
  push: {jobs: [j]}
  nightly: &timed
    triggers: [schedule: {cron: "0  0 * * *", filters: {branches: {only: [main], ignore: x}}}]
    jobs: [j]
  weekly: *timed
  off:
    when: false
    triggers: [schedule: {cron: "0 0 * * *", filters: {branches: {only: [main]}}}]
    jobs: [j]
`
	plan := planOf(t, core.CompileRequest{Config: text})
	if got := workflowNames(plan.Workflows); got != "push" {
		t.Errorf("a push runs %q", got)
	}
	if len(plan.Schedules) != 2 || plan.Schedules[1].Workflow.Name != "weekly" {
		t.Fatalf("got %+v", plan.Schedules)
	}
	want := core.SchedulePlan{Workflow: plan.Schedules[0].Workflow, Cron: "0 0 * * *", Only: []string{"main"}}
	if diff := cmp.Diff(want, plan.Schedules[0]); diff != "" {
		t.Error(diff)
	}
	plan = planOf(t, core.CompileRequest{Config: text, Schedule: "nightly"})
	if got := workflowNames(plan.Workflows); got != "nightly" || len(plan.Schedules) != 0 {
		t.Errorf("the schedule runs %q, and %d wait", got, len(plan.Schedules))
	}
	wantError(t, core.CompileRequest{Config: text, Schedule: "push"}, "no scheduled workflow named push")
}

func TestSetup(t *testing.T) {
	t.Parallel()
	text := "version: 2.1\nsetup: true\njobs: {build: {machine: true, steps: [checkout]}}\n"
	if !planOf(t, core.CompileRequest{Config: text}).Setup {
		t.Error("the plan does not say that it is a setup")
	}
	if planOf(t, core.CompileRequest{Config: strings.Replace(text, "true", "false", 1), Continuation: true}).Setup {
		t.Error("setup: false makes a setup")
	}
	wantError(t, core.CompileRequest{Config: text, Continuation: true}, "cannot continue a pipeline")
	wantError(t, core.CompileRequest{Config: strings.Replace(text, "true", "maybe", 1)}, "expected type: Boolean")
}

// TestLimits: what lies at a limit compiles, what lies beyond it names it.
func TestLimits(t *testing.T) {
	t.Parallel()
	const jobs = "version: 2.1\njobs: {j: {machine: true, steps: [checkout]}, n: {type: no-op}, p: {parameters: {a: {type: integer}, b: {type: integer}}, machine: true, steps: [run: x]}}\nworkflows: {w: {jobs: ["
	list := func(count int) string {
		numbers := make([]string, 0, count)
		for i := range count {
			numbers = append(numbers, fmt.Sprint(i))
		}
		return "[" + strings.Join(numbers, ", ") + "]"
	}
	matrix := func(name string, a, b int) string {
		return fmt.Sprintf("p: {matrix: {alias: %s, parameters: {a: %s, b: %s}}}, ", name, list(a), list(b))
	}
	contexts := func(count int) string {
		return "n: {context: [c" + strings.ReplaceAll(strings.Trim(list(count), "[]"), ", ", ", c") + "]}"
	}
	for name, c := range map[string]struct{ inside, beyond, want string }{
		"combinations": {matrix("m", 16, 32), matrix("m", 27, 19), "more than 512 combinations"},
		"contexts":     {contexts(100), contexts(101), "more than 100 different contexts"},
		"serial group": {"n: {serial-group: " + strings.Repeat("x", 512) + "}", "n: {serial-group: " + strings.Repeat("x", 513) + "}", "is not a serial-group"},
		"jobs":         {strings.Repeat("n, ", 5000), strings.Repeat("n, ", 5001), "more than 5000 jobs"},
		"edges": {
			matrix("m", 10, 50) + strings.TrimSuffix(matrix("o", 10, 20), "}, ") + ", requires: [m]}",
			matrix("m", 10, 50) + strings.TrimSuffix(matrix("o", 10, 21), "}, ") + ", requires: [m]}",
			"more than 100000 times",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			planOf(t, core.CompileRequest{Config: jobs + c.inside + "]}}\n"})
			wantError(t, core.CompileRequest{Config: jobs + c.beyond + "]}}\n"}, c.want)
		})
	}
}

func TestOldVersionHasNoMatrix(t *testing.T) {
	t.Parallel()
	wantError(t, core.CompileRequest{Config: `
version: 2
jobs: {j: {machine: true, steps: [checkout]}}
workflows: {version: 2, w: {jobs: [j: {matrix: {parameters: {a: [1]}}}]}}
`}, "A matrix needs version: 2.1")
}

// TestGroupsAndFilters: a group that its filter takes away takes its members
// and what requires it along; so does the last member, as any job does that
// another one requires.
func TestGroupsAndFilters(t *testing.T) {
	t.Parallel()
	text := `
version: 2.1
jobs:
  a: {machine: true, steps: [checkout]}
job-groups:
  g:
    jobs:
      - a
      - a: {name: b, requires: [a], filters: {branches: {only: main}}}
workflows:
  w:
    jobs:
      - g: {filters: {branches: {ignore: quiet}}}
      - a: {name: after, requires: [g]}
      - a: {name: alone}
`
	for branch, want := range map[string]string{
		"main":  "g-group-start g-a<g-group-start g-b<g-a g-group-end<g-b after<g-group-end alone",
		"topic": "g-group-start g-a<g-group-start alone",
		"quiet": "alone",
	} {
		var got []string
		for _, w := range mustCompile(t, text, core.PipelineValues{"git.branch": branch}).Plan.Workflows {
			for _, j := range w.Jobs {
				for _, r := range j.Requires {
					j.Name += "<" + r.Job
				}
				got = append(got, j.Name)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: got %q, want %q", branch, strings.Join(got, " "), want)
		}
	}
}
