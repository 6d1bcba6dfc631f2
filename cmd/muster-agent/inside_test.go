// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/muster-ci/muster/agent/agenttest"
	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/wire"
)

// stepsOf returns the names of the planned steps that began.
func stepsOf(s *agenttest.Server) string {
	var names []string
	for _, e := range s.Events() {
		if e.Type == wire.StepStarted && e.Kind == string(core.StepRun) {
			names = append(names, e.Name)
		}
	}
	return strings.Join(names, ", ")
}

func TestHaltEndsTheJobGreen(t *testing.T) {
	t.Parallel()
	s := agenttest.New(t, task(
		run2("halts", core.RunStep{Command: "circleci-agent step halt; echo goes on"}),
		run2("later", core.RunStep{Command: "echo later"}),
		run2("always", core.RunStep{Command: "echo always", When: core.WhenAlways}),
	), wire.Limits{})
	if got := start(t, s).wait(); got != 0 {
		t.Fatalf("got exit status %d, want 0", got)
	}
	if got := s.Output(first); got != "goes on\n" {
		t.Errorf("got %q", got)
	}
	if got := stepsOf(s); got != "halts" {
		t.Errorf("got steps %s", got)
	}
	if e := ending(t, s); e.Status != core.JobSuccess || e.Reason != "" {
		t.Errorf("got %+v", e)
	}
}

func TestHaltDoesNotMendAFailingJob(t *testing.T) {
	t.Parallel()
	for name, steps := range map[string][]core.StepPlan{
		"before": {run2("fails", core.RunStep{Command: "exit 1"}), run2("halts", core.RunStep{Command: "circleci step halt", When: core.WhenOnFail}),
			run2("always", core.RunStep{Command: "true", When: core.WhenAlways})},
		"itself": {run2("fails", core.RunStep{Command: "true"}), run2("halts", core.RunStep{Command: "circleci step halt; exit 3"}),
			run2("always", core.RunStep{Command: "true", When: core.WhenAlways})},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := agenttest.New(t, task(steps...), wire.Limits{})
			start(t, s).wait()
			if got := stepsOf(s); got != "fails, halts" {
				t.Errorf("got steps %s", got)
			}
			if e := ending(t, s); e.Status != core.JobFailed {
				t.Errorf("got %+v", e)
			}
		})
	}
}

// TestTheCommandsAreFoundWhateverThePATH: it is the job's, the step's or a
// shell's.
func TestTheCommandsAreFoundWhateverThePATH(t *testing.T) {
	t.Parallel()
	// The last step waits here for the one in the background, which would end with
	// the job otherwise.
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	claimed := task(
		sh("circleci version --short; circleci-agent version --short"),
		run2("own PATH", core.RunStep{Command: "circleci version --short; echo $PATH | grep -o ':.*'", Environment: []core.EnvVar{{Name: "PATH", Value: "/bin:/usr/bin"}}}),
		run2("dash", core.RunStep{Command: "circleci env subst 'job $CIRCLE_JOB'; echo > " + pipe, Shell: "/bin/sh -e", Background: true}),
		sh("read line < "+pipe+`; cd /; $(command -v env) circleci env subst '$CIRCLE_NODE_INDEX of $CIRCLE_NODE_TOTAL'`),
	)
	claimed.Spec.Plan.Environment = []core.EnvVar{{Name: "PATH", Value: os.Getenv("PATH")}}
	s := agenttest.New(t, claimed, wire.Limits{})
	if got := start(t, s).wait(); got != 0 {
		t.Fatalf("got exit status %d, want 0", got)
	}
	for i, want := range []string{"dev\ndev\n", "dev\n:/bin:/usr/bin\n", "job build", "1 of 2"} {
		if got := s.Output(first + i); got != want {
			t.Errorf("step %d: got %q, want %q", i, got, want)
		}
	}
}

// TestAnotherUserOfTheBuildIsAnswered has a step that gives up being root.
func TestAnotherUserOfTheBuildIsAnswered(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("this needs root, to become somebody else")
	}
	setpriv, err := exec.LookPath("setpriv")
	if err != nil {
		t.Skip("this needs setpriv")
	}
	temp, err := os.MkdirTemp("", "muster-users-*") // t.TempDir is closed to others
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(temp) })
	if err := os.Chmod(temp, 0o755); err != nil {
		t.Fatal(err)
	}
	program := temp + "/muster-agent"
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	copyFile(t, self, program)
	s := agenttest.New(t, task(
		sh(fmt.Sprintf("%s --reuid 65534 --regid 65534 --clear-groups circleci-agent step halt && id -u; ls -l \"$BASH_ENV\" | cut -c1-10", setpriv)),
		sh("echo not reached"),
	), wire.Limits{})
	b := launch(t, []string{program}, s, "TMPDIR="+temp)
	if got := b.wait(); got != 0 {
		t.Fatalf("got exit status %d, want 0", got)
	}
	if got := s.Output(first); got != "0\n-rw-------\n" {
		t.Errorf("got %q", got)
	}
	if e := ending(t, s); e.Status != core.JobSuccess || strings.Contains(s.All(), "not reached\n") {
		t.Errorf("got %+v", e)
	}
}

// TestASecretOfTheBuildsOwnIsMaskedFromThenOn leaks it in output, in a step's
// name, in a command and in an error.
func TestASecretOfTheBuildsOwnIsMaskedFromThenOn(t *testing.T) {
	t.Parallel()
	const secret = "made-at-run-time-7351"
	s := agenttest.New(t, task(
		sh(`key=made-at-run-; key=${key}time-7351; printf %s "$key" | circleci-agent mask add; echo "key: $key"; printf %s "$key" | base64; printf %s "$key" | od -An -tx1 | tr -d ' \n'; echo`),
		run2("use "+secret, core.RunStep{Command: "exec /no/such/" + secret, When: core.WhenAlways}),
		run2("shell", core.RunStep{Command: "true", Shell: "/no/such/" + secret, When: core.WhenAlways}),
	), wire.Limits{})
	if got := start(t, s).wait(); got != 0 {
		t.Fatalf("got exit status %d, want 0", got)
	}
	const mark = "****************"
	if got, want := s.Output(first), "key: "+mark+"\n"+mark+"\n"+mark+"\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if all := s.All(); strings.Contains(all, secret) || !strings.Contains(all, "use "+mark) {
		t.Errorf("got %s", all)
	}
	if e := ending(t, s); !strings.Contains(e.Reason, mark) {
		t.Errorf("the reason is %q", e.Reason)
	}
}

func TestTheAnswersAreBounded(t *testing.T) {
	t.Parallel()
	s := agenttest.New(t, task(
		sh("seq 1000 2500 | circleci-agent mask add --lines || echo refused; echo 1234567"),
		sh("head -c 2000000 /dev/zero | tr '\\0' x | circleci-agent mask add || echo refused"),
		sh("echo abc | circleci-agent mask add || echo refused"),
	), wire.Limits{})
	start(t, s).wait()
	for i, want := range []string{
		"Error: a job may add 1000 masks of 1048576 bytes together\nrefused\n1234567\n",
		"Error: the secret is longer than 1048576 bytes\nrefused\n",
		"1 of 1 values are too short to be masked, or words such as true: choose secrets of at least 4 characters\nrefused\n",
	} {
		if got := s.Output(first + i); got != want {
			t.Errorf("step %d: got %q, want %q", i, got, want)
		}
	}
}
