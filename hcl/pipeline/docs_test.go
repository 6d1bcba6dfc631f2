// SPDX-License-Identifier: MPL-2.0

package pipeline_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/hcl/pipeline"
	"github.com/muster-ci/muster/internal/config"
)

var fence = regexp.MustCompile("(?s)```(yaml|hcl)\n(.*?)```")

// oneOrb is a registry with one orb in it.
type oneOrb struct{}

func (oneOrb) ResolveOrb(_ context.Context, r core.ResolveOrbRequest) (core.ResolvedOrb, error) {
	source := "version: 2.1\njobs: {on-hold: {machine: true, steps: [run: notify]}}\n"
	sum := sha256.Sum256([]byte(source))
	locked := core.LockedOrb{Ref: r.Ref, Version: "4.12.0", Digest: hex.EncodeToString(sum[:])}
	return core.ResolvedOrb{LockedOrb: locked, Source: source}, nil
}

// The examples of docs/hcl.md say the same side by side.
func TestDocumentedExamples(t *testing.T) {
	t.Parallel()
	found := fence.FindAllStringSubmatch(readFile(t, "../../docs/hcl.md"), -1)
	if len(found) < 6 || len(found)%2 != 0 {
		t.Fatalf("there are %d examples", len(found))
	}
	options := config.Options{Orbs: oneOrb{}}
	for i := 0; i < len(found); i += 2 {
		if found[i][1] != "yaml" || found[i+1][1] != "hcl" {
			t.Fatalf("example %d is no pair", i)
		}
		yaml, hcl := found[i][2], found[i+1][2]
		if !strings.HasPrefix(yaml, "version") {
			yaml = "version: 2.1\n" + yaml
		}
		for _, deploy := range []bool{false, true} {
			ask := func(text string) core.CompileRequest {
				r := request(text)
				if strings.Contains(text, "deploy") {
					r.Parameters["deploy"] = deploy
				}
				return r
			}
			want := compiled(config.Compile(t.Context(), ask(yaml), options))
			got := compiled(pipeline.Compile(t.Context(), ask(hcl), options))
			for _, e := range append(got.Errors, want.Errors...) {
				t.Errorf("example %d: %s", i/2+1, e.String())
			}
			if diff := cmp.Diff(want.Plan, got.Plan); diff != "" {
				t.Errorf("example %d, deploy %v (-yaml +hcl):\n%s", i/2+1, deploy, diff)
			}
		}
	}
}
