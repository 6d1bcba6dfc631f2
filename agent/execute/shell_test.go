// SPDX-License-Identifier: MPL-2.0

package execute

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/agent/process"
	"github.com/muster-ci/muster/core"
)

func TestSplitWords(t *testing.T) {
	t.Parallel()
	for in, want := range map[string][]string{
		"/bin/bash -eo pipefail": {"/bin/bash", "-eo", "pipefail"},
		"  sh\t-e ":              {"sh", "-e"},
		`a 'b  c' "d \" e" f\ g`: {"a", "b  c", `d " e`, "f g"},
		`'a'"b"c ''`:             {"abc", ""},
		`'back\slash'`:           {`back\slash`},
		"":                       nil,
	} {
		got, err := splitWords(in)
		if err != nil {
			t.Errorf("%q: %v", in, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", in, diff)
		}
	}
	for _, in := range []string{"'open", `"open`, `end\`} {
		if got, err := splitWords(in); err == nil {
			t.Errorf("%q: got %q and no error", in, got)
		}
	}
}

func TestInterpreter(t *testing.T) {
	t.Parallel()
	for in, want := range map[string][]string{
		"#!/bin/sh\necho":              {"/bin/sh"},
		"#! /usr/bin/env python3 -u\n": {"/usr/bin/env", "python3 -u"},
		"#!":                           nil,
		"echo #!/bin/sh":               nil,
	} {
		if diff := cmp.Diff(want, interpreter(in)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", in, diff)
		}
	}
}

// TestPipefailIsAskedFor runs the question that decides on /bin/sh on shells
// that are here.
func TestPipefailIsAskedFor(t *testing.T) {
	t.Parallel()
	j := &job{Runner: &Runner{deps: Deps{Processes: process.NewTable()}}}
	for shell, want := range map[string]bool{"bash": true, "dash": false} {
		path, err := exec.LookPath(shell)
		if err != nil {
			t.Logf("no %s here", shell)
			continue
		}
		if got := j.succeeds(path, "-eo", "pipefail", "-c", ":"); got != want {
			t.Errorf("%s: got %v, want %v", shell, got, want)
		}
	}
}

func TestShellPrecedence(t *testing.T) {
	t.Parallel()
	j := &job{Runner: &Runner{}, temp: t.TempDir(), shell: []string{"default"}}
	script := func(step core.RunStep) []string {
		t.Helper()
		words, err := j.script(step)
		if err != nil {
			t.Fatal(err)
		}
		path := words[len(words)-1]
		if text, err := os.ReadFile(path); err != nil || string(text) != step.Command {
			t.Errorf("got script %q, %v; want %q", text, err, step.Command)
		}
		return append(words[:len(words)-1:len(words)-1], filepath.Ext(path))
	}
	check := func(step core.RunStep, want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, script(step)); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", step, diff)
		}
	}
	check(core.RunStep{Command: "echo"}, "default", ".sh")
	check(core.RunStep{Command: "#!/bin/sh -x\necho"}, "/bin/sh", "-x", ".sh")
	j.task.Spec.Plan.Shell = "job -j"
	check(core.RunStep{Command: "echo"}, "job", "-j", ".sh")
	check(core.RunStep{Command: "#!/bin/sh\necho", Shell: "pwsh -NoLogo"}, "pwsh", "-NoLogo", ".ps1")
	for _, shell := range []string{"  ", "'"} {
		if _, err := j.script(core.RunStep{Shell: shell}); core.ErrorCode(err) != core.CodeInvalid {
			t.Errorf("shell %q: got %v", shell, err)
		}
	}
}

func TestPaths(t *testing.T) {
	t.Parallel()
	j := &job{home: "/home/me"}
	for in, want := range map[string]string{"": "/default", "~": "/home/me", "~/a": "/home/me/a", "/a/../b": "/b", "$x": "/home/me/$x", "~x": "/home/me/~x"} {
		if got := j.path(in, "/default"); got != want {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
	j.directory = "/home/me"
	if got := j.path("sub", ""); got != "/home/me/sub" {
		t.Errorf("got %s", got)
	}
}

func TestPasswordsStayOutOfURLs(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"https://u:p@example.com/r.git": "https://example.com/r.git",
		"https://example.com/r.git":     "https://example.com/r.git",
		"git@example.com:o/r.git":       "git@example.com:o/r.git",
		"ssh://git@example.com/r":       "ssh://git@example.com/r",
		"/path/to/repo":                 "/path/to/repo",
	} {
		if got := withoutPassword(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}
