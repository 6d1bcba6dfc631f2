// SPDX-License-Identifier: MPL-2.0

package classes

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/core"
)

func TestLoad(t *testing.T) {
	t.Parallel()
	set, err := Load("classes.hcl", []byte(`
class "docker" "tiny" {
  cpu = 100
  memory = 64
  disk = 128
  pool = "small-nodes"
  default = true
}
class "docker" "acme/gpu" {
  cpu = 9000
  memory = 4096
}
class "machine" "vm" {
  cpu = 1000
  memory = 2048
  default = true
}
`))
	if err != nil {
		t.Fatal(err)
	}
	got, err := set.Lookup(core.ExecutorDocker, "")
	if err != nil {
		t.Fatal(err)
	}
	want := core.ResourceClass{Name: "tiny", Executor: core.ExecutorDocker, CPU: 100, Memory: 64, Disk: 128, Pool: "small-nodes", Default: true}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("default class (-want +got):\n%s", diff)
	}
	got, err = set.Lookup(core.ExecutorDocker, "acme/gpu")
	if err != nil || got.Pool != "default" || got.Disk != 10240 {
		t.Errorf("Lookup(acme/gpu) = %+v, %v; want the default pool and disk", got, err)
	}
	if diff := cmp.Diff([]string{"default", "small-nodes"}, set.Pools()); diff != "" {
		t.Errorf("pools (-want +got):\n%s", diff)
	}
	_, err = set.Lookup(core.ExecutorMachine, "huge")
	if core.ErrorCode(err) != core.CodeInvalid || !strings.Contains(err.Error(), "here: vm") {
		t.Errorf("Lookup(huge) = %v; want an invalid error that lists vm", err)
	}
}

func TestLoadMistakes(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ src, want string }{
		"syntax":       {`class "docker" {`, "classes.hcl:1"},
		"no memory":    {"class \"docker\" \"a\" {\n cpu = 100\n}", `"memory"`},
		"executor":     {`class "podman" "a" {` + "\n cpu = 100\n memory = 64\n default = true\n}", "use docker or machine"},
		"units":        {`class "docker" "a" {` + "\n cpu = 100\n memory = 99999999999\n default = true\n}", "counts MiB"},
		"name":         {`class "docker" "a b" {` + "\n cpu = 100\n memory = 64\n default = true\n}", "cannot name a class"},
		"pool":         {`class "docker" "a" {` + "\n cpu = 100\n memory = 64\n pool = \"x y\"\n default = true\n}", "node pool"},
		"no default":   {`class "docker" "a" {` + "\n cpu = 100\n memory = 64\n}", "set default = true"},
		"two defaults": {strings.Repeat("class \"docker\" \"a\" {\n cpu = 100\n memory = 64\n default = true\n}\n", 2), "keep one"},
		"twice":        {strings.Repeat("class \"docker\" \"a\" {\n cpu = 100\n memory = 64\n}\n", 2), "given already at line 1"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Load("classes.hcl", []byte(tt.src))
			if core.ErrorCode(err) != core.CodeInvalid || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an invalid error with %q", err, tt.want)
			}
		})
	}
}

func TestDefault(t *testing.T) {
	t.Parallel()
	for _, executor := range []core.ExecutorKind{core.ExecutorDocker, core.ExecutorMachine} {
		c, err := Default().Lookup(executor, "")
		if err != nil || c.Name != "medium" || c.Pool == "" {
			t.Errorf("default of %s = %+v, %v; want medium", executor, c, err)
		}
	}
}
