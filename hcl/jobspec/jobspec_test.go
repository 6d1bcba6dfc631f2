// SPDX-License-Identifier: MPL-2.0

package jobspec

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/core"
)

var golden = flag.Bool("golden", false, "rewrite the golden files")

// TestTemplates renders the templates that come with Muster, with the agent
// downloaded and with it on the client.
func TestTemplates(t *testing.T) {
	t.Parallel()
	for _, executor := range []core.ExecutorKind{core.ExecutorDocker, core.ExecutorMachine} {
		tmpl := load(t, executor)
		for name, agent := range map[string]Agent{
			"artifact": sample(executor).Agent,
			"ssh":      sample(executor).Agent,
			"host":     {Path: "/opt/muster/bin/muster-agent-0123456789ab", Version: "0123456789ab"},
		} {
			t.Run(fmt.Sprintf("%s_%s", executor, name), func(t *testing.T) {
				t.Parallel()
				in := sample(executor)
				in.Agent = agent
				if name == "ssh" {
					in.Spec.SSH = &core.SSHAccess{User: "user-1"}
				}
				job, err := tmpl.Render(in)
				if err != nil {
					t.Fatal(err)
				}
				got, err := json.MarshalIndent(job, "", "  ")
				if err != nil {
					t.Fatal(err)
				}
				compare(t, fmt.Sprintf("%s_%s.json", executor, name), append(without(t, got), '\n'))
			})
		}
	}
}

// without leaves out what is null: most of a job is.
func without(t *testing.T, b []byte) []byte {
	t.Helper()
	var value any
	if err := json.Unmarshal(b, &value); err != nil {
		t.Fatal(err)
	}
	out, err := json.MarshalIndent(prune(value), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func prune(value any) any {
	switch value := value.(type) {
	case map[string]any:
		for key, v := range value {
			if v = prune(v); v == nil || v == "" || v == false || v == 0.0 {
				delete(value, key)
				continue
			}
			value[key] = v
		}
	case []any:
		for i := range value {
			value[i] = prune(value[i])
		}
	}
	return value
}

func load(t *testing.T, executor core.ExecutorKind) *Template {
	t.Helper()
	name := string(executor) + ".nomad.hcl"
	src, err := os.ReadFile(filepath.Join("../../jobs/tasks", name))
	if err != nil {
		t.Fatal(err)
	}
	tmpl, err := Parse(name, src)
	if err != nil {
		t.Fatal(err)
	}
	if err := tmpl.Check(executor); err != nil {
		t.Fatal(err)
	}
	return tmpl
}

func compare(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *golden {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got; go test ./hcl/jobspec -golden rewrites it):\n%s", name, diff)
	}
}

// TestTooLarge refuses what would fill the memory of Nomad's servers.
func TestTooLarge(t *testing.T) {
	t.Parallel()
	in := sample(core.ExecutorDocker)
	for i := range 30 {
		in.Spec.Plan.Executor.Images = append(in.Spec.Plan.Executor.Images, core.DockerImage{Image: fmt.Sprintf("image%d", i), Name: strings.Repeat("x", 40)})
	}
	_, err := load(t, core.ExecutorDocker).Render(in)
	if core.ErrorCode(err) != core.CodeInvalid || !strings.Contains(err.Error(), "8192 is the most") {
		t.Errorf("got %v, want an error that names the limit", err)
	}
}

// TestInterpolation passes on what Nomad interpolates, and a user's texts as
// they are.
func TestInterpolation(t *testing.T) {
	t.Parallel()
	tmpl, err := Parse("t.hcl", []byte(`job "x" {
  constraint {
    attribute = "${attr.cpu.arch}"
    value     = "${meta.arch}-${node.class}"
  }
  group "g" {
    network {
      port "ssh" {}
      port "web" {
        static = 80
      }
    }
    task "agent" {
      driver = "docker"
      config {
        image = muster.images[0].image
        args  = ["${NOMAD_PORT_ssh}", env["HOME"], "$${literal}"]
        mount {
          type = "tmpfs"
        }
        mount {
          type = "bind"
        }
      }
    }
  }
}`))
	if err != nil {
		t.Fatal(err)
	}
	in := sample(core.ExecutorDocker)
	in.Spec.Plan.Executor.Images[0].Image = "${attr.evil}"
	job, err := tmpl.Render(in)
	if err != nil {
		t.Fatal(err)
	}
	group := job.TaskGroups[0]
	got := []any{job.Constraints[0].LTarget, job.Constraints[0].RTarget, group.Tasks[0].Config["image"], group.Tasks[0].Config["args"], group.Tasks[0].Config["mount"], *job.Name}
	want := []any{
		"${attr.cpu.arch}", "${meta.arch}-${node.class}", "${attr.evil}",
		[]any{"${NOMAD_PORT_ssh}", `${env["HOME"]}`, "${literal}"},
		[]map[string]any{{"type": "tmpfs"}, {"type": "bind"}}, "x",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if n := group.Networks[0]; len(n.DynamicPorts) != 1 || len(n.ReservedPorts) != 1 || n.ReservedPorts[0].Label != "web" {
		t.Errorf("ports are %+v and %+v, want ssh dynamic and web reserved", n.DynamicPorts, n.ReservedPorts)
	}
}

// TestMistakes holds templates to what Muster rests on, with the place of what
// is wrong.
func TestMistakes(t *testing.T) {
	t.Parallel()
	task := func(inner string) string {
		return "job \"x\" {\n  group \"g\" {\n    task \"agent\" {\n      driver = \"docker\"\n" + inner + "\n    }\n  }\n}\n"
	}
	group := func(inner string) string {
		return "job \"x\" {\n  group \"g\" {\n" + inner + "\n    task \"agent\" {\n      driver = \"docker\"\n    }\n  }\n}\n"
	}
	tests := map[string]struct{ src, want string }{
		"syntax":             {"job \"x\" {", "t.hcl:1"},
		"unknown attribute":  {task("      drivr = 1"), "t.hcl:5"},
		"unknown variable":   {task("      user = mustr.class"), "t.hcl:5"},
		"unknown member":     {task("      user = muster.klass"), "t.hcl:5"},
		"duration":           {task("      kill_timeout = \"soon\""), "write it as \"30s\""},
		"fraction":           {task("      resources {\n        cpu = 1.5\n      }"), "whole number"},
		"two jobs":           {"job \"x\" {}\njob \"y\" {}", "2 job blocks"},
		"service":            {"job \"x\" {\n  type = \"service\"\n}", "batch job"},
		"two groups":         {"job \"x\" {\n  group \"a\" {}\n  group \"b\" {}\n}", "2 groups"},
		"no agent":           {"job \"x\" {\n  group \"a\" {\n    task \"other\" {}\n  }\n}", "runs muster-agent"},
		"count":              {group("    count = 2"), "runs once"},
		"restart":            {group("    restart {\n      attempts = 2\n    }"), "attempts must be 0"},
		"reschedule":         {group("    reschedule {\n      unlimited = true\n    }"), "Muster makes further attempts"},
		"disconnect":         {group("    disconnect {\n      replace = true\n    }"), "replace must be false"},
		"vault":              {task("      vault {}"), "condition of every build"},
		"default identity":   {task("      identity {\n        env = true\n      }"), "the one named muster only"},
		"identity in env":    {task("      identity {\n        name = \"muster\"\n        aud = [\"muster\"]\n        file = true\n        env = true\n      }"), "builds can read the environment"},
		"service in Consul":  {task("      service {\n        name = \"x\"\n      }"), "leave them out"},
		"block given twice":  {group("    restart {\n      attempts = 0\n    }\n    restart {\n      attempts = 0\n    }"), "only one is allowed"},
		"map in place of it": {task("      user = {}"), "a text is needed"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tmpl, err := Parse("t.hcl", []byte(tt.src))
			if err == nil {
				err = tmpl.Check(core.ExecutorDocker)
			}
			if core.ErrorCode(err) != core.CodeInvalid || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an invalid error with %q", err, tt.want)
			}
		})
	}
}
