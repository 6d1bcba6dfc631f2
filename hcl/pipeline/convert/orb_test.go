// SPDX-License-Identifier: MPL-2.0

package convert_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/hcl/pipeline"
	"github.com/muster-ci/muster/hcl/pipeline/convert"
	"github.com/muster-ci/muster/internal/config"
)

// oneOrb is a registry with one orb in it.
type oneOrb struct{}

func (oneOrb) ResolveOrb(_ context.Context, r core.ResolveOrbRequest) (core.ResolvedOrb, error) {
	source := "version: 2.1\ncommands: {test: {steps: [run: test of the registry]}}\n"
	sum := sha256.Sum256([]byte(source))
	locked := core.LockedOrb{Ref: r.Ref, Version: "1.0.0", Digest: hex.EncodeToString(sum[:])}
	return core.ResolvedOrb{LockedOrb: locked, Source: source}, nil
}

// mixed has one of everything that names can lead to.
const mixed = `version: 2.1
orbs:
  a-go: acme/go@1
  a:
    orbs:
      go: acme/go@2
      b:
        executors:
          small: {parameters: {tag: {type: string, default: x}}, docker: [{image: "cimg/b:<< parameters.tag >>"}]}
        commands:
          own: {steps: [run: own of b]}
    executors:
      small: {docker: [{image: cimg/a:1}]}
    commands:
      own: {steps: [b/own, run: own of a, go/test]}
      around:
        parameters: {inside: {type: steps, default: [own, {when: {condition: true, steps: [own]}}]}}
        steps: [steps: << parameters.inside >>]
    jobs:
      one:
        parameters: {on: {type: executor, default: {name: b/small, tag: y}}}
        executor: << parameters.on >>
        steps: [own, around, around: {inside: [b/own]}]
      two: {executor: {name: b/small, tag: z}, steps: [run: two, around: {inside: []}]}
  sized:
    executors:
      size-s: {docker: [{image: cimg/s:1}]}
      size-m: {docker: [{image: cimg/m:1}]}
    jobs:
      run:
        parameters: {size: {type: enum, enum: [s, m], default: s}}
        executor: size-<< parameters.size >>
        steps: [run: echo << parameters.size >>]
commands:
  own: {steps: [run: own of the file]}
  around:
    parameters: {inside: {type: steps, default: [own]}}
    steps: [steps: << parameters.inside >>]
executors:
  small: {docker: [{image: cimg/file:1}]}
jobs:
  here: {executor: a/small, steps: [own, a/own, around, a-go/test, a/around: {inside: [own, a/own]}]}
workflows:
  main:
    jobs:
      - here
      - a/one
      - a/one: {name: other, on: small}
      - a/two
      - here: {name: instead, override-with: a/two}
      - here: {override-with: a/three, name: still, requires: [a/two]}
      - sized/run:
          matrix: {parameters: {size: [s, m]}}
`

// Names mean the same after a conversion, wherever they stood.
func TestOrbsKeepTheirNames(t *testing.T) {
	t.Parallel()
	request := core.CompileRequest{Config: mixed}
	options := config.Options{Orbs: oneOrb{}}
	want, err := config.Compile(t.Context(), request, options)
	if err != nil || want.Plan == nil {
		t.Fatalf("%v %+v", err, want.Errors)
	}
	hcl, problems := convert.FromYAML(mixed)
	if len(problems) > 0 {
		t.Fatalf("%+v", problems)
	}
	request.Config = hcl
	got, err := pipeline.Compile(t.Context(), request, options)
	if err != nil || len(got.Errors) > 0 {
		t.Fatalf("%v %+v\n%s", err, got.Errors, hcl)
	}
	if diff := cmp.Diff(want.Plan, got.Plan); diff != "" {
		t.Errorf("plans differ (-yml +hcl):\n%s\n%s", diff, hcl)
	}
}

// What cannot be said is told, never said wrongly.
func TestWhatOrbsCannotSay(t *testing.T) {
	t.Parallel()
	const rest = "\nworkflows: {main: {jobs: [o/j]}}\n"
	for name, c := range map[string]struct{ text, want string }{
		"a file's command hides what is built in": {
			"orbs: {o: {jobs: {j: {machine: true, steps: [checkout]}}}}\ncommands: {checkout: {steps: [run: x]}}" + rest, "The file has a name of its own",
		},
		"two of a name": {
			"orbs: {o: {orbs: {p: {commands: {c: {steps: [run: x]}}}}, commands: {p/c: {steps: [run: y]}}, jobs: {j: {machine: true, steps: [p/c]}}}}" + rest, "There are two commands named o/p/c",
		},
		"an executor put together among imports": {
			"orbs: {o: {orbs: {r: acme/go@1}, jobs: {j: {parameters: {e: {type: string, default: r/x}}, executor: << parameters.e >>, steps: [run: x]}}}}" + rest, "puts together",
		},
		"a matrix with another definition": {
			"orbs: {o: {jobs: {j: {parameters: {a: {type: string}}, machine: true, steps: [run: << parameters.a >>]}}}}\njobs: {k: {parameters: {a: {type: string}}, machine: true, steps: [run: x]}}\nworkflows: {main: {jobs: [k: {override-with: o/j, matrix: {parameters: {a: [x, y]}}}]}}\n", "A matrix with override-with",
		},
	} {
		hcl, problems := convert.FromYAML("version: 2.1\n" + c.text)
		if len(problems) == 0 || !strings.Contains(problems[0].Message, c.want) || problems[0].Suggestion == "" || problems[0].Line == 0 {
			t.Errorf("%s: %+v %s", name, problems, hcl)
		}
	}
}
