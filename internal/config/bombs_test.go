// SPDX-License-Identifier: MPL-2.0

package config

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/config/document"
	"github.com/muster-ci/muster/internal/testx"
)

// bomb is a config that asks for far more than its size.
type bomb struct {
	text       string
	orbs       map[string]string
	parameters map[string]any
	says       string // the limit; "" for any mistake
}

// bombs returns those of all tests, and those of the text itself.
func bombs() map[string]bomb {
	all := map[string]bomb{}
	for name, text := range hostile() {
		all["config: "+name] = bomb{text: text}
	}
	for name, c := range hostileFlows() {
		all["workflow: "+name] = bomb{text: c[0], says: c[1]}
	}
	for name, c := range hostileExpressions() {
		all["expression: "+name] = bomb{text: c[0], says: c[1]}
	}
	for name, c := range hostileOrbs() {
		all["orb: "+name] = bomb{text: usesOrb("a/o0@1.0.0"), orbs: c.sources, says: c.says}
	}
	values := all["orb: pairs"]
	for i := range 6_000 {
		values.text += fmt.Sprintf("k%d: v\n", i)
	}
	all["orb: pairs, and those of the config"] = values
	for name, c := range hostileTexts() {
		all["text: "+name] = bomb{text: c[0], says: c[1]}
	}
	return all
}

// compile also returns the compiler, whose counters tell what it did.
func (b bomb) compile() (result core.CompileResult, used *compiler) {
	options := Options{}
	if b.orbs != nil {
		options.Orbs = &registry{sources: b.orbs}
	}
	request := core.CompileRequest{Config: b.text, Parameters: b.parameters}
	result, _ = compileWith(context.Background(), request, options, func(c *compiler) core.CompileResult {
		used = c
		return c.compile(document.Limits{})
	})
	return result, used
}

func (b bomb) told(result core.CompileResult) bool {
	return slices.ContainsFunc(result.Errors, func(e core.ConfigError) bool { return strings.Contains(e.Message, b.says) })
}

// What a bomb costs in time and memory is measured by BenchmarkBombs; that it
// is bounded shows in what the compiler counts.
func TestBombsNameTheLimit(t *testing.T) {
	t.Parallel()
	for name, b := range bombs() {
		result, c := b.compile()
		if result.Plan != nil || len(result.Errors) == 0 || len(result.Errors) > maxErrors+1 || !b.told(result) {
			t.Errorf("%s: want %q in %.1000v", name, b.says, result.Errors)
		}
		for _, counted := range []struct {
			what        string
			count, most int
		}{
			{"units of work", c.work, 2 * maxWork}, {"steps", c.stepCount, 2 * maxSteps}, {"bytes", c.byteCount, 2 * maxPlanBytes},
			{"jobs", c.jobCount, maxJobs + maxMatrix}, {"requirements", c.edges, maxEdges + maxJobs}, {"expressions", len(c.expressions), maxExpressions},
		} {
			if counted.count > counted.most {
				t.Errorf("%s: %d %s, more than %d", name, counted.count, counted.what, counted.most)
			}
		}
	}
}

// hostileTexts are for those who read the text.
func hostileTexts() map[string][2]string {
	most := document.LimitsFor(0).Bytes
	fill := func(unit string, bytes int) string { return strings.Repeat(unit, bytes/len(unit)) }
	numbered := func(count int, form string) string {
		var b strings.Builder
		for i := range count {
			fmt.Fprintf(&b, form, i)
		}
		return b.String()
	}
	var laughs strings.Builder
	laughs.WriteString("a0: &a0 [lol]\n")
	for i := range 40 {
		fmt.Fprintf(&laughs, "a%d: &a%d [%s]\n", i+1, i+1, strings.Repeat(fmt.Sprintf("*a%d,", i), 9))
	}
	// The shortest words and lines that the limits let the longest text have.
	words := " cccc ccccc ccccc ccccc cccccccc\n"
	staircase := ""
	for i := range 1000 {
		staircase += strings.Repeat(" ", i) + "a:\n"
	}
	return map[string][2]string{
		"too many bytes":             {fill("#", most+1), "786432 bytes; that is the limit"},
		"laughs":                     {laughs.String(), "expands to more than"},
		"brackets":                   {fill("[", most), "limit"},
		"braces":                     {fill("{a: ", 50_000), "limit"},
		"a staircase":                {staircase, "levels deep"},
		"dashes":                     {fill("- ", 60_000), "limit"},
		"questions":                  {fill("? ", 60_000), "limit"},
		"a million values":           {"[" + fill("a,", most-10) + "]", "limit"},
		"a million parameters":       {"version: 2.1\nparameters: {" + fill("a,", most-100) + "}", "limit"},
		"pairs":                      {numbered(60_000, "k%d: v\n"), "limit"},
		"values within the limit":    {"version: 2.1\nx: [" + fill("a,", 2*24_500) + "]", ""},
		"pairs within the limit":     {"version: 2.1\n" + numbered(12_400, "k%d: v\n"), ""},
		"lists in lists":             {"version: 2.1\nx: [" + fill("[[[[a]]]],", 49_000) + "]", ""},
		"empty maps":                 {"version: 2.1\nx: [" + fill("{},", 36_000) + "]", ""},
		"anchors":                    {"version: 2.1\nx: [" + numbered(8_200, "&a%d x,") + "]", ""},
		"aliases":                    {"version: 2.1\ny: &a x\nx: [" + fill("*a,", 73_000) + "]", ""},
		"merges":                     {"m: &m {" + numbered(2_000, "k%d: 1,") + "}\nl: [" + fill("{<<: *m},", 41_000) + "]\n", "merge keys copy more than 25000"},
		"an alias of a long text":    {"a: &a " + fill("x", most/2) + "\nb: [" + fill("*a,", 3000) + "]\n", "limit"},
		"comments":                   {"version: 2.1\n" + fill("# x\n", 4*23_900), ""},
		"comments between values":    {"version: 2.1\nx:\n" + fill("- a # x\n", 8*12_400), ""},
		"blank lines":                {"version: 2.1\n" + fill("\n", most-100) + "a: b\n", "24000 lines"},
		"many words":                 {"version: 2.1\na: b\n" + fill(" "+strings.Repeat("c ", 24)+"\n", most-100), "120000 words; that is the limit"},
		"a plain text of lines":      {"version: 2.1\na: b\n" + fill(words, most-100), ""},
		"a block of lines":           {"version: 2.1\na: |\n" + fill(words, most-100), ""},
		"a folded block":             {"version: 2.1\na: >\n" + fill(" ccccc ccccc ccccc ccccc ccccc ccccc ccccc ccccc ccccc cccccccccc\n\n", most-100), ""},
		"escapes":                    {"version: 2.1\na: \"" + fill(`\x41`, most-100) + "\"\n", ""},
		"a text that ends nowhere":   {"version: 2.1\na: \"" + fill(words, most-100), "unexpected end of stream"},
		"single quotes":              {"version: 2.1\na: '" + fill("''", most-100) + "'\n", ""},
		"wide characters":            {"version: 2.1\na: " + fill("é", most-100) + "\n", ""},
		"a long key":                 {"version: 2.1\n" + fill("k", most-100) + ": v\n", ""},
		"long keys":                  {"version: 2.1\n" + fill("'"+strings.Repeat("k", 1020)+"': v\n", most-100), "duplicate"},
		"tags":                       {"version: 2.1\nx: [" + fill("!!str a,", 98_000) + "]\n", ""},
		"documents":                  {fill("a\n---\n", most-100), ""},
		"documents without anything": {fill("---\n", most-100), ""},
		"directives":                 {fill("%YAML 1.1\n", most-100), ""},
		"tabs":                       {fill("\t", most-100), ""},
		"a mistake at the end":       {"version: 2.1\nx:\n" + fill("- a\n", 4*23_900) + "x: [\n", ""},
		"mistakes on one line":       {"version: 2.1\njobs: {" + numbered(1_740, "j%d: {machine: true, stepz: [], steps: [checkout]},") + "}\n", "extraneous"},
		"mistakes in jobs":           {"version: 2.1\njobs:\n" + numbered(1_900, "  j%d: {machine: true, stepz: [], steps: [checkout]}\n"), "extraneous"},
		"repeated keys":              {"version: 2.1\nx: {" + fill("a: b,", 5*8_200) + "}\n", "duplicate"},
		"variables":                  {"version: 2.1\njobs: {build: {machine: true, steps: [checkout], environment: {" + numbered(8_200, "V%d: x,") + "}, stepz: 1}}\n", "extraneous"},
		"values of an enum":          {"version: 2.1\nparameters: {" + numbered(900, "p%d: {type: enum, default: v, enum: [v, w]},") + "q: {type: enum, default: v, enum: [" + numbered(11_900, "v%d,") + "]}}\njobs: {}\n", "default value"},
		"zero bytes":                 {fill("\x00", most-100), ""},
		"no UTF-8":                   {fill("\xff", most-100), "UTF-8"},
	}
}

// The benchmark runs each bomb in a process of its own, which tells what the
// kernel says of it.

const bombVariable = "MUSTER_TEST_BOMB"

// bombCost is what a bomb took in its process.
type bombCost struct {
	CPU, Again time.Duration // of the first time and of a second
	Peak       int           // KiB
}

func TestMain(m *testing.M) {
	if name, ok := os.LookupEnv(bombVariable); ok {
		explode(name)
		return
	}
	os.Exit(m.Run())
}

// measure is no bomb but what the others are compared with on a busy machine.
const measure = "none: 500 jobs, written out"

// explode compiles one bomb and prints what it took.
func explode(name string) {
	b := bombs()[name]
	if name == measure {
		b.text = written(500)
	}
	(bomb{text: "version: 2.1\njobs: {build: {machine: true, steps: [checkout]}}\n"}).compile()
	testx.ForgetPeak() // of the others
	floor := testx.PeakMemory()
	var cost bombCost
	cost.CPU = testx.CPU(func() { b.compile() })
	cost.Peak = int((testx.PeakMemory() - floor) >> 10)
	cost.Again = testx.CPU(func() { b.compile() })
	_ = json.NewEncoder(os.Stdout).Encode(cost)
}

// BenchmarkBombs prints for each bomb its processor time and the peak of memory
// above that of a small config. Promised are 50 ms and 64 MiB.
func BenchmarkBombs(b *testing.B) {
	for _, name := range append([]string{measure}, sortedKeys(bombs())...) {
		b.Run(name, func(b *testing.B) {
			var cost bombCost
			for b.Loop() {
				command := exec.Command(os.Args[0])
				command.Env = append(os.Environ(), bombVariable+"="+name)
				out, err := command.Output()
				if err != nil {
					b.Fatal(err)
				}
				if err := json.Unmarshal(out, &cost); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(min(cost.CPU, cost.Again).Microseconds())/1000, "cpu-ms")
			b.ReportMetric(float64(cost.Peak)/1024, "peak-MiB")
		})
	}
}
