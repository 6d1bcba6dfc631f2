// SPDX-License-Identifier: MPL-2.0

package config

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/core"
)

// usesOrb calls a job of an orb.
func usesOrb(ref string) string {
	return "version: 2.1\norbs: {o: " + ref + "}\nworkflows: {w: {jobs: [o/j]}}\n"
}

func orbThatSays(text string) string {
	return "jobs: {j: {machine: true, steps: [run: echo " + text + "]}}\n"
}

// said returns the command of the plan's only job.
func said(t *testing.T, result core.CompileResult) string {
	t.Helper()
	if result.Plan == nil {
		t.Fatal(result.Errors)
	}
	return result.Plan.Workflows[0].Jobs[0].Steps[0].Run.Command
}

func TestALockDecidesWhatReferencesMean(t *testing.T) {
	t.Parallel()
	r := &registry{sources: map[string]string{"a/b@1.0.0": orbThatSays("old")}}
	request := core.CompileRequest{Config: usesOrb("a/b@1")}
	first, err := Compile(context.Background(), request, Options{Orbs: r})
	want := []core.LockedOrb{{Ref: "a/b@1", Version: "1.0.0", Digest: sourceDigest(orbThatSays("old"))}}
	if diff := cmp.Diff(want, first.Orbs); diff != "" || err != nil {
		t.Fatalf("%v %s", err, diff)
	}
	r.sources["a/b@1.1.0"] = orbThatSays("new")
	if now, _ := Compile(context.Background(), request, Options{Orbs: r}); said(t, now) != "echo new" {
		t.Errorf("without a lock: got %q", said(t, now))
	}
	request.Orbs = first.Orbs
	again, _ := Compile(context.Background(), request, Options{Orbs: r})
	if diff := cmp.Diff(first, again); diff != "" {
		t.Errorf("with the lock: %s", diff)
	}
}

func TestARegistryThatIsAwayIsNoMistakeOfTheConfig(t *testing.T) {
	t.Parallel()
	away := core.Errorf(core.CodeUnavailable, "no instance answers")
	result, err := Compile(context.Background(), core.CompileRequest{Config: usesOrb("a/b@1")}, Options{Orbs: &registry{err: away}})
	if !errors.Is(err, away) || len(result.Errors) > 0 || result.Plan != nil {
		t.Errorf("got %v, %v", result, err)
	}
	result, err = Compile(context.Background(), core.CompileRequest{Config: usesOrb("a/b@1")}, Options{})
	if err != nil || len(result.Errors) == 0 || !strings.Contains(result.Errors[0].Message, "no orb registry") {
		t.Errorf("no registry: got %v, %v", result, err)
	}
}

func TestASourceIsTheOneOfItsDigest(t *testing.T) {
	t.Parallel()
	r := &registry{sources: map[string]string{"a/b@1.0.0": orbThatSays("x")}}
	lock := []core.LockedOrb{{Ref: "a/b@1", Version: "1.0.0", Digest: sourceDigest("another")}}
	_, err := Compile(context.Background(), core.CompileRequest{Config: usesOrb("a/b@1"), Orbs: lock}, Options{Orbs: r})
	if core.ErrorCode(err) != core.CodeInternal {
		t.Errorf("got %v", err)
	}
}

func TestAnOrbIsReadOnce(t *testing.T) {
	t.Parallel()
	r := &registry{sources: map[string]string{"a/b@1.0.0": orbThatSays("x")}}
	options := Options{Orbs: r, Cache: NewOrbCache(1 << 20)}
	request := core.CompileRequest{Config: usesOrb("a/b@1.0.0")}
	want, _ := Compile(context.Background(), request, options)
	digest := want.Orbs[0].Digest
	read, checked := options.Cache.source(digest), options.Cache.checked(digest)
	if read == nil || checked == nil {
		t.Fatal("the cache is empty")
	}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if got, err := Compile(context.Background(), request, options); err != nil || !cmp.Equal(want, got) {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
	group.Wait()
	if len(r.asked) != 1 {
		t.Errorf("the registry was asked %d times for an exact version, want once", len(r.asked))
	}
	if options.Cache.source(digest) != read || options.Cache.checked(digest) != checked {
		t.Error("the orb was read again")
	}
}

func TestTheCacheIsBounded(t *testing.T) {
	t.Parallel()
	r := &registry{sources: map[string]string{}}
	options := Options{Orbs: r, Cache: NewOrbCache(50_000)}
	for i := range 200 {
		ref := fmt.Sprintf("a/b@1.0.%d", i)
		r.sources[ref] = orbThatSays(fmt.Sprint(i))
		if got, _ := Compile(context.Background(), core.CompileRequest{Config: usesOrb(ref)}, options); said(t, got) != fmt.Sprintf("echo %d", i) {
			t.Fatalf("got %q", said(t, got))
		}
	}
	if c := options.Cache; c.size > 50_000 || len(c.entries) != c.recent.Len() || len(c.entries) > 100 || len(c.entries) == 0 {
		t.Errorf("%d bytes, %d entries, %d in order", c.size, len(c.entries), c.recent.Len())
	}
}

func TestAnOrbIsCheckedAlone(t *testing.T) {
	t.Parallel()
	r := testOrbs()
	source := r.sources["acme/go@1.3.0"]
	if got := ask(core.CompileRequest{Config: source, IsOrb: true}); len(got.Errors) > 0 || got.Processed != source || got.Plan != nil || len(got.Orbs) != 1 {
		t.Errorf("got %+v", got)
	}
	if got := ask(core.CompileRequest{Config: r.sources["acme/broken@1.0.0"], IsOrb: true}); len(got.Errors) < 7 || got.Processed != "" {
		t.Errorf("got %v", got.Errors)
	}
	if got := ask(core.CompileRequest{Config: "text", IsOrb: true}); len(got.Errors) != 1 {
		t.Errorf("got %v", got.Errors)
	}
}

// hostileOrbs returns registries whose first orb asks for much work, and what
// the error says.
func hostileOrbs() map[string]struct {
	sources map[string]string
	says    string
} {
	chain, many, doubling := map[string]string{}, map[string]string{}, map[string]string{}
	for i := range 200 {
		chain[fmt.Sprintf("a/o%d@1.0.0", i)] = fmt.Sprintf("orbs: {next: a/o%d@1.0.0}\n# %d\n", i+1, i)
		many[fmt.Sprintf("a/o%d@1.0.0", i+1)] = fmt.Sprintf("# %d\n%s", i, orbThatSays("x"))
	}
	many["a/o0@1.0.0"] = "orbs:\n"
	for i := range 199 {
		many["a/o0@1.0.0"] += fmt.Sprintf("  o%d: a/o%d@1.0.0\n", i+1, i+1)
	}
	for i := range 40 {
		doubling[fmt.Sprintf("a/o%d@1.0.0", i)] = fmt.Sprintf("orbs: {l: a/o%d@1.0.0, r: a/o%d@1.0.0}\ncommands: {c: {steps: [l/c, r/c]}}\n", i+1, i+1)
	}
	calls := "commands:\n"
	for i := range 40 {
		calls += fmt.Sprintf("  c%d: {steps: [c%d, c%d]}\n", i, i+1, i+1)
	}
	calls += "  c40: {steps: [run: x]}\n"
	wide := map[string]string{"a/o0@1.0.0": "orbs:\n"}
	for i := range 20 {
		wide["a/o0@1.0.0"] += fmt.Sprintf("  o%d: a/o%d@1.0.0\n", i+1, i+1)
		wide[fmt.Sprintf("a/o%d@1.0.0", i+1)] = fmt.Sprintf("description: [%s%d]\n", strings.Repeat("a, ", 5000), i)
	}
	long := map[string]string{"a/o0@1.0.0": "orbs:\n"}
	for i := range 10 {
		long["a/o0@1.0.0"] += fmt.Sprintf("  o%d: a/o%d@1.0.0\n", i+1, i+1)
		long[fmt.Sprintf("a/o%d@1.0.0", i+1)] = fmt.Sprintf("description: %s%d\n", strings.Repeat("a", 750_000), i)
	}
	three := "orbs: {o1: a/o1@1.0.0, o2: a/o2@1.0.0, o3: a/o3@1.0.0}\n"
	pairs, lines, words := map[string]string{"a/o0@1.0.0": three}, map[string]string{"a/o0@1.0.0": three}, map[string]string{"a/o0@1.0.0": three}
	for i := range 3 {
		var text strings.Builder
		for k := range 6_100 {
			fmt.Fprintf(&text, "k%d-%d: v\n", i, k)
		}
		name := fmt.Sprintf("a/o%d@1.0.0", i+1)
		pairs[name] = text.String()
		lines[name] = fmt.Sprintf("description: %d\n%s", i, strings.Repeat(" ccccccc ccccccc\n", 11_900))
		words[name] = fmt.Sprintf("description: %d\n%s", i, strings.Repeat(strings.Repeat(" ccc", 10)+"\n", 5_950))
	}
	return map[string]struct {
		sources map[string]string
		says    string
	}{
		"a chain":            {chain, "10 levels"},
		"many":               {many, "100 orbs"},
		"orbs that double":   {doubling, "10 levels"},
		"calls that double":  {map[string]string{"a/o0@1.0.0": calls}, "25000 steps"},
		"values":             {wide, "25000 values"},
		"pairs":              {pairs, "25000 values"},
		"lines":              {lines, "24000 lines"},
		"words":              {words, "120000 words"},
		"bytes":              {long, "786432 bytes"},
		"one that is large":  {map[string]string{"a/o0@1.0.0": strings.Repeat("#", 2<<20)}, "786432 bytes together"},
		"one that is nested": {map[string]string{"a/o0@1.0.0": "a: " + strings.Repeat("[", 200) + strings.Repeat("]", 200)}, "nested"},
	}
}
