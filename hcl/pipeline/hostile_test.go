// SPDX-License-Identifier: MPL-2.0

package pipeline_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/hcl/pipeline"
	"github.com/muster-ci/muster/internal/config"
	"github.com/muster-ci/muster/internal/testx"
)

const tail = "\njob \"build\" {\n  machine = true\n  step \"run\" { command = \"x\" }\n}\nworkflow \"w\" {\n  job \"build\" {}\n}\n"

// bombs are small files that ask for much.
func bombs() map[string]string {
	doubling := "locals {\n  a0 = \"xxxxxxxxxxxxxxxx\"\n"
	lists := "locals {\n  a0 = [1,2,3,4,5,6,7,8]\n"
	squares := "locals {\n  a0 = 1000000\n"
	for i := 1; i < 40; i++ {
		doubling += fmt.Sprintf("  a%d = \"${local.a%d}${local.a%d}\"\n", i, i-1, i-1)
		lists += fmt.Sprintf("  a%d = flatten([local.a%d, local.a%d])\n", i, i-1, i-1)
		squares += fmt.Sprintf("  a%d = local.a%d * local.a%d\n", i, i-1, i-1)
	}
	calls := ""
	for i := range 30 {
		calls += fmt.Sprintf("command \"c%d\" {\n  step \"c%d\" {}\n  step \"c%d\" {}\n}\n", i, i+1, i+1)
	}
	calls += "command \"c30\" {\n  step \"run\" { command = \"x\" }\n}\n"
	twice := "command \"twice\" {\n  parameter \"s\" { type = steps }\n" + strings.Repeat("  step \"steps\" { steps = parameter.s }\n", 2) + "}\n"
	given := strings.Repeat("step \"twice\" {\nsteps \"s\" {\n", 30) + "step \"run\" { command = \"x\" }\n" + strings.Repeat("}\n}\n", 30)
	wide := strings.Repeat("[", 20_000)
	return map[string]string{
		"a large text":              "# " + strings.Repeat("x", 2<<20),
		"brackets":                  "locals {\n  a = " + wide + "\n}",
		"templates in templates":    "locals {\n  a = " + strings.Repeat("\"${", 5000) + "\n}",
		"negations":                 "locals {\n  a = " + strings.Repeat("!", 20_000) + "true\n}",
		"conditions":                "locals {\n  a = " + strings.Repeat("true ? 1 : ", 12_000) + "1\n}",
		"blocks":                    strings.Repeat("a {\n", 25_000),
		"locals that double":        doubling + "}" + tail,
		"lists that double":         lists + "}" + tail,
		"numbers that square":       squares + "  text = \"${local.a39}\"\n}" + tail,
		"a large number":            "locals {\n  a = \"${1e999999}\"\n}" + tail,
		"loops in loops":            "locals {\n  a = [for a in range(1000): [for b in range(1000): [for c in range(1000): c]]]\n}" + tail,
		"a width":                   "locals {\n  a = format(\"%999999999d\", 1)\n}" + tail,
		"a repeated argument":       "locals {\n  a = format(\"" + strings.Repeat("%[1]s", 10_000) + "\", format(\"%500s\", \"x\"))\n}" + tail,
		"an empty needle":           "locals {\n  a = replace(join(\"\", [for x in range(1000): \"xxxxxxxxxx\"]), \"\", format(\"%900s\", \"x\"))\n}" + tail,
		"indentation":               "locals {\n  a = indent(999999999, \"x\\ny\")\n}" + tail,
		"a product":                 "locals {\n  a = setproduct(range(1000), range(1000), range(1000))\n}" + tail,
		"equal lists":               "locals {\n  l = range(1000)\n  a = [for x in range(1000): local.l == local.l]\n}" + tail,
		"commands that double":      calls + "job \"build\" {\n  machine = true\n  step \"c0\" {}\n}\nworkflow \"w\" {\n  job \"build\" {}\n}\n",
		"a command that calls back": "command \"a\" {\n  step \"a\" {}\n}\njob \"build\" {\n  machine = true\n  step \"a\" {}\n}\nworkflow \"w\" {\n  job \"build\" {}\n}\n",
		"a matrix": "job \"build\" {\n  machine = true\n  step \"run\" { command = \"x\" }\n}\nworkflow \"w\" {\n  job \"build\" {\n    matrix {\n      parameters = {\n" +
			"a = range(1000)\nb = range(1000)\nc = range(1000)\n}\n}\n}\n}\n",
		"steps that double":         twice + "job \"build\" {\n  machine = true\n" + given + "}\nworkflow \"w\" {\n  job \"build\" {}\n}\n",
		"default steps that double": defaults("") + tail,
		"defaults that are off":     defaults("condition = false"),
		"a chain of locals":         "locals {\n  a0 = 1\n" + chain(8_000) + "}" + tail,
	}
}

// defaults are commands whose default steps call the next of them twice.
func defaults(more string) string {
	var b strings.Builder
	for i := range 40 {
		call := fmt.Sprintf("      step \"d%d\" {\n%s\n}\n", i+1, more)
		fmt.Fprintf(&b, "command \"d%d\" {\n  parameter \"s\" {\n    type = steps\n    default {\n%s%s    }\n  }\n  step \"steps\" { steps = parameter.s }\n}\n", i, call, call)
	}
	return b.String() + "command \"d40\" {\n  step \"run\" { command = \"x\" }\n}\n"
}

func chain(n int) string {
	var b strings.Builder
	for i := 1; i < n; i++ {
		fmt.Fprintf(&b, "  a%d = [local.a%d]\n", i, i-1)
	}
	return b.String()
}

// Each bomb ends in an error that names the limit. With -v it tells how long
// that took.
func TestBombs(t *testing.T) {
	t.Parallel()
	for name, text := range bombs() {
		t.Run(name, func(t *testing.T) {
			var result core.CompileResult
			took := testx.CPU(func() { result = compiled(pipeline.Compile(t.Context(), request(text), config.Options{})) })
			if result.Plan != nil && name != "a chain of locals" {
				t.Fatal("it compiled")
			}
			for _, e := range result.Errors {
				if strings.Contains(e.Message, "broke") || len(e.String()) > 4000 {
					t.Errorf("got %.300s", e.String())
				}
			}
			if len(result.Errors) > 0 {
				t.Logf("%v: %s", took.Round(time.Millisecond), result.Errors[0].Message)
			}
		})
	}
}

// FuzzCompile looks for panics, and for plans whose processed form means
// something else.
func FuzzCompile(f *testing.F) {
	for _, pattern := range []string{"valid/*.hcl", "invalid/*.hcl"} {
		files, _ := filepath.Glob(filepath.Join("testdata", pattern))
		for _, path := range files {
			text, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(string(text))
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		var broke any
		options := config.Options{MaxBytes: 64 << 10, Panicked: func(value any, stack []byte) { broke = fmt.Sprintf("%v\n%s", value, stack) }}
		result := compiled(pipeline.Compile(t.Context(), request(text), options))
		if broke != nil {
			t.Fatal(broke)
		}
		if (result.Plan == nil) == (len(result.Errors) == 0) {
			t.Fatalf("a plan %v and %d errors", result.Plan != nil, len(result.Errors))
		}
	})
}
