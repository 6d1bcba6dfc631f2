// SPDX-License-Identifier: MPL-2.0

package check

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/muster-ci/muster/core"
)

type fakeRegistry map[string]string

// OrbSource answers from the map.
func (f fakeRegistry) OrbSource(_ context.Context, namespace, orb, version string) (core.ResolvedOrb, error) {
	source, ok := f[namespace+"/"+orb+"@"+version]
	if !ok {
		return core.ResolvedOrb{}, core.Errorf(core.CodeUnavailable, "asleep")
	}
	sum := sha256.Sum256([]byte(source))
	return core.ResolvedOrb{LockedOrb: core.LockedOrb{Version: "1.2.3", Digest: hex.EncodeToString(sum[:])}, Source: source}, nil
}

func withOrb(ref string) string {
	return "version: 2.1\norbs: {hi: " + ref + "}\njobs: {build: {machine: true, steps: [hi/greet]}}\nworkflows: {all: {jobs: [build]}}\n"
}

func TestCompileAsksTheRegistry(t *testing.T) {
	t.Parallel()
	registry := fakeRegistry{"acme/hi@1": "version: 2.1\ncommands: {greet: {steps: [run: echo hello]}}\n"}
	result, err := Compile(t.Context(), Request{Path: "c.yml", Text: withOrb("acme/hi@1"), Registry: registry})
	if err != nil || len(result.Errors) > 0 || !strings.Contains(result.Processed, "echo hello") {
		t.Fatalf("%+v, %v", result, err)
	}
	if _, err := Compile(t.Context(), Request{Path: "c.yml", Text: withOrb("acme/other@1"), Registry: registry}); core.ErrorCode(err) != core.CodeUnavailable {
		t.Errorf("a registry that is asleep is no mistake of the config: %v", err)
	}
}

// TestCompileWithoutRegistry: one mistake, at the reference, that says who
// could not be asked.
func TestCompileWithoutRegistry(t *testing.T) {
	t.Parallel()
	for ref, registry := range map[string]Registry{"acme/hi@1": nil, "https://example.com/orb.yml": fakeRegistry{}} {
		result, err := Compile(t.Context(), Request{Path: "c.yml", Text: withOrb(ref), Registry: registry})
		if err != nil || len(result.Errors) != 1 || result.Errors[0].Line != 2 || !strings.Contains(result.Errors[0].Suggestion, NoRegistry) {
			t.Errorf("%s: %+v, %v", ref, result.Errors, err)
		}
	}
}
