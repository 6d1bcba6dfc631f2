// SPDX-License-Identifier: MPL-2.0

package execute

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/muster-ci/muster/core"
)

// TestLoginShellsFindTheCommands: a profile that sets PATH anew hides them from
// no bash that runs a script, and what brings them back shows nothing.
func TestLoginShellsFindTheCommands(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("bash"); err != nil {
		t.Fatal("there is no bash, which make and the jobs of the tests need too")
	}
	home, out := t.TempDir(), filepath.Join(t.TempDir(), "out")
	if err := os.WriteFile(filepath.Join(home, ".bash_profile"), []byte("export PATH=/usr/bin:/bin\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := newRunner(t)
	r.cfg.Environ = []string{"HOME=" + home, "PATH=" + os.Getenv("PATH")}
	for shell, command := range map[string]string{
		"bash --login -eo pipefail": "command -v circleci circleci-agent",
		"bash -xleo pipefail":       "command -v circleci circleci-agent",
		"bash -e":                   "bash -lc 'command -v circleci circleci-agent'",
		"bash -ue":                  "unset PATH; bash=$(/usr/bin/env -i BASH_ENV=\"$BASH_ENV\" HOME=$HOME /bin/bash -lc 'command -v circleci circleci-agent'); echo \"$bash\"",
	} {
		t.Run(shell, func(t *testing.T) {
			task := core.ClaimedTask{}
			task.Spec.Plan.Steps = []core.StepPlan{{Kind: core.StepRun, Name: "x", Run: &core.RunStep{Shell: shell, Command: "(" + command + ") > " + out + " 2>&1"}}}
			result, err := r.Run(t.Context(), task)
			if err != nil || result.Status != core.JobSuccess {
				t.Fatalf("got %+v, %v", result, err)
			}
			text, err := os.ReadFile(out)
			lines := strings.Fields(strings.ReplaceAll(string(text), "+ command -v circleci circleci-agent", ""))
			if err != nil || len(lines) != 2 || !strings.HasSuffix(lines[0], "/bin/circleci") || !strings.HasSuffix(lines[1], "/bin/circleci-agent") {
				t.Errorf("got %q, %v", text, err)
			}
		})
	}
}

// TestBashEnvIsNotBegunAgain: what a step wrote into it stays as it is.
func TestBashEnvIsNotBegunAgain(t *testing.T) {
	t.Parallel()
	j, err := newJob(t.Context(), newRunner(t), core.ClaimedTask{}, filepath.Join(t.TempDir(), "it's here"))
	if err != nil {
		t.Fatal(err)
	}
	path := j.base.get("BASH_ENV")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if reason := j.prepareFiles(); reason != "" {
			t.Fatal(reason)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil || strings.Count(string(text), "\n") != 1 {
		t.Fatalf("got %q, %v", text, err)
	}
	said, err := exec.Command("/bin/sh", "-c", "PATH=/bin; . '"+strings.ReplaceAll(path, "'", `'\''`)+"'; echo \"$PATH\"").CombinedOutput()
	if want := j.commandFolder() + ":/bin\n"; err != nil || string(said) != want {
		t.Errorf("got %q, %v, want %q", said, err, want)
	}
}

// TestLinksInAContainer: in one, where the image has nothing by the name, for as
// long as the job.
func TestLinksInAContainer(t *testing.T) {
	t.Parallel()
	links := func(executor core.ExecutorKind, folder string) (during, after map[string]string) {
		t.Helper()
		r := newRunner(t)
		r.cfg.LinkDir = folder
		j, err := newJob(t.Context(), r, core.ClaimedTask{Attempt: core.Attempt{Executor: executor}}, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		look := func() map[string]string {
			found := map[string]string{}
			for _, name := range commandNames {
				if to, err := os.Readlink(filepath.Join(folder, name)); err == nil {
					found[name] = strings.TrimPrefix(to, j.commandFolder())
				}
			}
			return found
		}
		remove := j.linkCommands()
		during = look()
		remove()
		return during, look()
	}
	if during, after := links(core.ExecutorDocker, t.TempDir()); during["circleci"] != "/circleci" || during["circleci-agent"] != "/circleci-agent" || len(after) != 0 {
		t.Errorf("in an empty folder: got %v, afterwards %v", during, after)
	}
	if during, _ := links(core.ExecutorMachine, t.TempDir()); len(during) != 0 {
		t.Errorf("on a machine: got %v", during)
	}
	taken := t.TempDir()
	if err := os.WriteFile(filepath.Join(taken, "circleci"), []byte("the image's"), 0o700); err != nil {
		t.Fatal(err)
	}
	during, _ := links(core.ExecutorDocker, taken)
	text, err := os.ReadFile(filepath.Join(taken, "circleci"))
	if len(during) != 1 || during["circleci-agent"] == "" || string(text) != "the image's" {
		t.Errorf("beside the image's own: got %v, and %q, %v", during, text, err)
	}
	if during, _ := links(core.ExecutorDocker, filepath.Join(taken, "none")); len(during) != 0 {
		t.Errorf("in no folder: got %v", during)
	}
}
