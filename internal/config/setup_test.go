// SPDX-License-Identifier: MPL-2.0

package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/core"
)

const setupParameters = `parameters:
  deploy: {type: boolean, default: no}
  image: {type: string, default: cimg/base}
  retries: {type: integer, default: 3}
  size: {type: enum, enum: [s, m], default: m}
`

const oneJob = `
jobs: {j: {machine: true, steps: [checkout]}}
workflows: {w: {jobs: [j]}}
`

func TestSetupParametersAreTold(t *testing.T) {
	t.Parallel()
	result := mustCompile(t, "version: 2.1\nsetup: true\n"+setupParameters+oneJob, nil)
	want := []core.PipelineParameter{
		{Name: "deploy", Default: false}, {Name: "image", Default: "cimg/base"}, {Name: "retries", Default: int64(3)}, {Name: "size", Default: "m"},
	}
	if diff := cmp.Diff(want, result.Parameters); diff != "" || !result.Plan.Setup {
		t.Errorf("setup %v, parameters (-want +got):\n%s", result.Plan.Setup, diff)
	}
}

func TestContinuationDeclaresTheSetupParameters(t *testing.T) {
	t.Parallel()
	// As they come over the wire.
	declared := []core.PipelineParameter{
		{Name: "deploy", Default: false}, {Name: "image", Default: "cimg/base"}, {Name: "retries", Default: float64(3)}, {Name: "size", Default: "m"},
	}
	for name, tt := range map[string]struct {
		config string
		want   []string // of the errors
	}{
		"the same, and one more": {"version: 2.1\n" + setupParameters + "  more: {type: string, default: x}\n" + oneJob, nil},
		"another default": {
			"version: 2.1\n" + strings.Replace(setupParameters, "default: 3", "default: 4", 1) + oneJob,
			[]string{".circleci/config.yml:5:3: The pipeline parameter retries has another default than in the setup config"},
		},
		"a text for a number": {
			"version: 2.1\n" + strings.Replace(setupParameters, "integer, default: 3", `string, default: "3"`, 1) + oneJob,
			[]string{"The pipeline parameter retries has another default than in the setup config"},
		},
		"one is missing": {
			"version: 2.1\n" + strings.Replace(setupParameters, "  image: {type: string, default: cimg/base}\n", "", 1) + oneJob,
			[]string{"The setup config declares the pipeline parameter image, and this config does not"},
		},
		"none at all":    {"version: 2.1\n" + oneJob, []string{"parameter deploy", "parameter image", "parameter retries", "parameter size"}},
		"nothing to do":  {"{version: 2, jobs: {}, workflows: {version: 2}}", nil},
		"a setup config": {"version: 2.1\nsetup: true\n" + setupParameters + oneJob, []string{"A setup config cannot continue a pipeline"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			result := ask(core.CompileRequest{
				Config: tt.config, Continuation: true, SetupParameters: declared, Values: core.PipelineValues{"git.branch": "main"},
			})
			if len(result.Errors) != len(tt.want) {
				t.Fatalf("got errors %v, want %q", result.Errors, tt.want)
			}
			for i, want := range tt.want {
				if got := result.Errors[i].String(); !strings.Contains(got, want) {
					t.Errorf("got %q, want %q in it", got, want)
				}
			}
		})
	}
}

func TestAConfigKnowsWhetherItIsASetupConfig(t *testing.T) {
	t.Parallel()
	const rest = "jobs: {build: {machine: true, steps: [run: 'setup << pipeline.in_setup >>']}}\n"
	for text, want := range map[string]string{
		"version: 2.1\nsetup: true\n" + rest:  "setup true",
		"version: 2.1\nsetup: false\n" + rest: "setup false",
		"version: 2.1\n" + rest:               "setup false",
	} {
		result := compile(text, nil)
		if len(result.Errors) > 0 {
			t.Errorf("got %v", result.Errors)
			continue
		}
		if got := result.Plan.Workflows[0].Jobs[0].Steps[0].Run.Command; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
