// SPDX-License-Identifier: MPL-2.0

package convert_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/hcl/pipeline"
	"github.com/muster-ci/muster/hcl/pipeline/convert"
	"github.com/muster-ci/muster/internal/config"
)

// differs are the configs whose plan differs, with the reason.
var differs = map[string]string{
	"expressions.yml": "what is absent equals itself in HCL",
	"unsure.yml":      "an argument is checked also where its workflow is off",
}

// Whatever compiles as a config compiles to the same plan as HCL.
func TestSamePlan(t *testing.T) {
	t.Parallel()
	converted, all := 0, 0
	for _, folder := range []string{"valid", "projects", "documented"} {
		files, err := filepath.Glob(filepath.Join("../../../internal/config/testdata", folder, "*.yml"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no configs in %s: %v", folder, err)
		}
		all += len(files)
		for _, path := range files {
			if same(t, path) {
				converted++
			}
		}
	}
	if converted+len(differs) != all {
		t.Errorf("only %d of %d configs have the same plan, with %d that may differ", converted, all, len(differs))
	}
}

// folder is the registry of internal/config/testdata/orbs.
type folder struct{}

func (folder) ResolveOrb(_ context.Context, r core.ResolveOrbRequest) (core.ResolvedOrb, error) {
	name := strings.NewReplacer("https://", "https/", "@dev:", "@dev-", "@volatile", "@*").Replace(strings.TrimSuffix(r.Ref, ".yml"))
	top := "../../../internal/config/testdata/orbs/"
	for _, pattern := range []string{name, name + ".*"} {
		files, _ := filepath.Glob(top + pattern + ".yml")
		files = slices.DeleteFunc(files, func(path string) bool { return strings.Contains(path, "@dev-") && !strings.Contains(name, "@dev-") })
		if len(files) == 0 {
			continue
		}
		source, err := os.ReadFile(files[len(files)-1])
		sum := sha256.Sum256(source)
		locked := core.LockedOrb{Ref: r.Ref, Version: filepath.Base(files[len(files)-1]), Digest: hex.EncodeToString(sum[:])}
		return core.ResolvedOrb{LockedOrb: locked, Source: string(source)}, err
	}
	return core.ResolvedOrb{}, core.Errorf(core.CodeNotFound, "there is no orb %s", r.Ref)
}

func same(t *testing.T, path string) bool {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	request := core.CompileRequest{Config: string(text), Values: core.PipelineValues{
		"id": "5c6f", "number": 7, "git.branch": "main", "git.revision": "abc", "git.branch.is_default": true, "trigger_source": "webhook",
	}}
	want, err := config.Compile(t.Context(), request, config.Options{Orbs: folder{}})
	if err != nil || want.Plan == nil {
		t.Errorf("%s does not compile: %+v, %v", path, want.Errors, err)
		return false
	}
	hcl, problems := convert.FromYAML(string(text))
	for _, p := range problems {
		t.Errorf("%s: %s", path, p.String())
	}
	if len(problems) > 0 {
		return false
	}
	request.Config = hcl
	got, err := pipeline.Compile(t.Context(), request, config.Options{Orbs: folder{}, File: filepath.Base(path) + ".hcl", Panicked: func(v any, stack []byte) { t.Errorf("%v\n%s", v, stack) }})
	if err != nil {
		t.Fatal(err)
	}
	if differs[filepath.Base(path)] != "" {
		if cmp.Equal(want.Plan, got.Plan) {
			t.Errorf("%s: the plans are the same now", path)
		}
		return false
	}
	for _, e := range got.Errors {
		t.Errorf("%s: %s", path, e.String())
	}
	if diff := cmp.Diff(want.Plan, got.Plan); diff != "" && got.Plan != nil {
		t.Errorf("%s: plans differ (-yml +hcl):\n%s", path, diff)
	}
	return got.Plan != nil
}
