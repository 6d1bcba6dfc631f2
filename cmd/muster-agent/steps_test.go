// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-ci/muster/agent/agenttest"
	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/wire"
)

func run2(name string, r core.RunStep) core.StepPlan {
	return core.StepPlan{Kind: core.StepRun, Name: name, Run: &r}
}

func TestWhenDecidesAfterAFailure(t *testing.T) {
	t.Parallel()
	s := agenttest.New(t, task(
		run2("only on failure, too early", core.RunStep{Command: "echo early", When: core.WhenOnFail}),
		run2("fails", core.RunStep{Command: "echo before\nfalse\necho after"}),
		run2("skipped", core.RunStep{Command: "echo skipped"}),
		run2("on failure", core.RunStep{Command: "echo on failure", When: core.WhenOnFail}),
		run2("always", core.RunStep{Command: "exit 3", When: core.WhenAlways}),
	), wire.Limits{})
	if got := start(t, s).wait(); got != 0 {
		t.Fatalf("got exit status %d, want 0", got)
	}
	if got, want := s.Output(first), "before\n\nExited with code exit status 1\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if e := end(t, s, first); e.StepStatus != core.StepFailed || e.ExitCode == nil || *e.ExitCode != 1 {
		t.Errorf("got %+v", e)
	}
	var names []string
	for _, e := range s.Events() {
		if e.Type == wire.StepStarted && e.Kind == string(core.StepRun) {
			names = append(names, e.Name)
		}
	}
	if got, want := strings.Join(names, ", "), "fails, on failure, always"; got != want {
		t.Errorf("got steps %s, want %s", got, want)
	}
	if e := end(t, s, first+2); e.ExitCode == nil || *e.ExitCode != 3 {
		t.Errorf("got %+v", e)
	}
	if e := ending(t, s); e.Status != core.JobFailed {
		t.Errorf("got %s, want failed", e.Status)
	}
}

func TestShells(t *testing.T) {
	t.Parallel()
	s := agenttest.New(t, task(
		sh("false | cat; echo not reached"),
		run2("sh", core.RunStep{Command: "false | cat; echo $0 | sed 's/.*command.*/a script/'", Shell: "/bin/sh -e", When: core.WhenAlways}),
		run2("shebang", core.RunStep{Command: "#!/usr/bin/env -S\nfalse", Shell: "/bin/cat", When: core.WhenAlways}),
		run2("interpreter", core.RunStep{Command: "#!/bin/sed -n\n2p;q\nsecond line", When: core.WhenAlways}),
		run2("missing", core.RunStep{Command: "true", Shell: "/no/such/shell -e", When: core.WhenAlways}),
		run2("quoted", core.RunStep{Command: "echo $1", Shell: `/bin/sh -c 'echo "two  words: $0" | cut -c1-11'`, When: core.WhenAlways}),
		run2("bash env", core.RunStep{Command: `echo 'export FROM=before' >> "$BASH_ENV"`, When: core.WhenAlways}),
		run2("bash env", core.RunStep{Command: `echo "$FROM"`, When: core.WhenAlways}),
		run2("lines", core.RunStep{Command: "cat <<X\na\n  b\nX\nif true; then\n  echo c\nfi", When: core.WhenAlways}),
	), wire.Limits{})
	if got := start(t, s).wait(); got != 0 {
		t.Fatalf("got exit status %d, want 0", got)
	}
	for i, want := range []string{
		"\nExited with code exit status 1\n",
		"a script\n",
		"#!/usr/bin/env -S\nfalse",
		"",
		"\nThe step's shell is not in the image: starting /no/such/shell: fork/exec /no/such/shell: no such file or directory. Choose another with the key `shell`.\n",
		"two  words:\n",
		"",
		"before\n",
		"a\n  b\nc\n",
	} {
		got := s.Output(first + i)
		if i == 3 { // sed reads its script file for input: what matters is that it was started
			continue
		}
		if got != want {
			t.Errorf("step %d: got %q, want %q", i, got, want)
		}
	}
}

func TestEnvironment(t *testing.T) {
	t.Parallel()
	claimed := task(run2("env", core.RunStep{
		Command:     `env | sort; echo "HERE=$(pwd)"; test -t 0; test -t 1; stty size; . "$BASH_ENV"`,
		Environment: []core.EnvVar{{Name: "STEP", Value: "step"}, {Name: "BOTH", Value: "from step"}},
	}), run2("folder", core.RunStep{Command: "pwd", WorkingDirectory: "sub/folder"}))
	claimed.Secrets = []core.EnvVar{{Name: "TOKEN", Value: "project-secret-value"}, {Name: "CIRCLE_BRANCH", Value: "weaker"}, {Name: "BOTH", Value: "weakest"}}
	claimed.Spec.Plan.Environment = []core.EnvVar{{Name: "BOTH", Value: "from job"}, {Name: "JOB", Value: "a $b ~"}, {Name: "CIRCLE_JOB", Value: "stronger"}}
	claimed.Spec.Plan.WorkingDirectory = "~/somewhere/$else"
	claimed.Spec.Pipeline.Trigger.PullRequests = []core.PullRequest{{Number: 7, URL: "https://forge.example.com/7"}, {Number: 9, URL: "https://forge.example.com/9"}}
	s := agenttest.New(t, claimed, wire.Limits{})
	b := start(t, s, "MUSTER_BASE_URL=https://ci.example.com/")
	if got := b.wait(); got != 0 {
		t.Fatalf("got exit status %d, want 0", got)
	}
	out := "\n" + s.Output(first)
	for _, want := range []string{
		"CI=true", "CIRCLECI=true", "CIRCLE_BRANCH=main", "CIRCLE_BUILD_NUM=42", "CIRCLE_PREVIOUS_BUILD_NUM=40", "CIRCLE_BUILD_URL=https://ci.example.com/gh/acme/site/42",
		"CIRCLE_JOB=stronger", "CIRCLE_NODE_INDEX=1", "CIRCLE_NODE_TOTAL=2", "CIRCLE_PIPELINE_ID=pipeline-1", "CIRCLE_PROJECT_ID=project-1",
		"CIRCLE_PROJECT_REPONAME=site", "CIRCLE_PROJECT_USERNAME=acme", "CIRCLE_SHA1=" + strings.Repeat("a", 40), "CIRCLE_USERNAME=ada",
		"CIRCLE_WORKFLOW_ID=workflow-1", "CIRCLE_WORKFLOW_JOB_ID=job-1", "CIRCLE_WORKING_DIRECTORY=~/somewhere/$else", "CIRCLE_ORGANIZATION_ID=org-1",
		"BOTH=from step", "STEP=step", "JOB=a $b ~", "IMAGE_SAYS=hello", "TERM=xterm", "HERE=" + b.home + "/somewhere/$else", "24 80", "HOME=" + b.home,
		"MUSTER_HOST=https://ci.example.com", "CIRCLE_PULL_REQUEST=https://forge.example.com/7",
		"CIRCLE_PULL_REQUESTS=https://forge.example.com/7,https://forge.example.com/9",
	} {
		if !strings.Contains(out, "\n"+want+"\n") {
			t.Errorf("no %q in %s", want, out)
		}
	}
	if got, want := s.Output(first+1), b.home+"/somewhere/$else/sub/folder\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, never := range []string{"CIRCLE_PR_", "MUSTER_", "NOMAD_", "VAULT_", "CONSUL_", "project-secret-value", agenttest.Token, agenttest.Identity} {
		if strings.Contains(strings.ReplaceAll(s.All(), "MUSTER_HOST=", ""), never) {
			t.Errorf("%q shows in the output", never)
		}
	}
	if prepared := s.Output(1); !strings.Contains(prepared, "  TOKEN=**REDACTED**\n") || !strings.Contains(prepared, "  CIRCLE_BRANCH=main\n") {
		t.Errorf("got environment step %q", prepared)
	}
	if e := end(t, s, first); e.StepStatus != core.StepSuccess {
		t.Errorf("got %+v", e)
	}
}

func TestSilenceTimesOut(t *testing.T) {
	t.Parallel()
	s := agenttest.New(t, task(
		run2("chatty", core.RunStep{Command: "for i in $(seq 12); do echo $i; sleep 0.1; done", NoOutputTimeout: time.Second}),
		run2("silent", core.RunStep{Command: "echo begin; sleep 1000", NoOutputTimeout: 300 * time.Millisecond}),
		run2("never", core.RunStep{Command: "echo never", When: core.WhenAlways}),
	), wire.Limits{})
	if got := start(t, s).wait(); got != 0 {
		t.Fatalf("got exit status %d, want 0", got)
	}
	const message = "Too long with no output (exceeded 300ms): context deadline exceeded"
	if got, want := s.Output(first+1), "begin\n\n"+message+"\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if e := end(t, s, first); e.StepStatus != core.StepSuccess {
		t.Errorf("chatty: got %+v", e)
	}
	if e := end(t, s, first+1); e.StepStatus != core.StepTimedOut || e.Reason != message {
		t.Errorf("silent: got %+v", e)
	}
	if e := ending(t, s); e.Status != core.JobTimedOut || e.Reason != message {
		t.Errorf("task: got %+v", e)
	}
	if strings.Contains(s.All(), "never\n") {
		t.Error("a step ran after the timeout")
	}
}

func TestBackgroundStepsEndWithTheJob(t *testing.T) {
	t.Parallel()
	s := agenttest.New(t, task(
		run2("server", core.RunStep{Command: "echo listening; touch ready; trap 'echo stopping; exit 0' TERM; while :; do sleep 0.05; done", Background: true}),
		run2("broken", core.RunStep{Command: "echo over; exit 7", Background: true}),
		sh("while [ ! -e ready ]; do sleep 0.02; done; echo ready; while [ ! -e go ]; do sleep 0.02; done"),
	), wire.Limits{})
	b := start(t, s)
	b.until("the end of the broken one", func() bool { return strings.Contains(s.Output(first+1), "Exited with code exit status 7") })
	touch(t, filepath.Join(b.home, "project", "go"))
	if got := b.wait(); got != 0 {
		t.Fatalf("got exit status %d, want 0", got)
	}
	if e := ending(t, s); e.Status != core.JobSuccess {
		t.Errorf("got %+v", e)
	}
	// Its sleep is asked to end as well, of which the shell may tell.
	if got := strings.ReplaceAll(s.Output(first), "Terminated\n", ""); got != "listening\nstopping\n" {
		t.Errorf("got %q", got)
	}
	if e := end(t, s, first); e.StepStatus != core.StepSuccess || !e.Background {
		t.Errorf("server: got %+v", e)
	}
	if e := end(t, s, first+1); e.StepStatus != core.StepFailed {
		t.Errorf("broken: got %+v", e)
	}
}

func TestAutomaticReruns(t *testing.T) {
	t.Parallel()
	s := agenttest.New(t, task(
		run2("flaky", core.RunStep{Command: "echo x >> tries; [ $(wc -l < tries) -eq 3 ]", MaxAutoReruns: 3, AutoRerunDelay: time.Millisecond}),
		run2("hopeless", core.RunStep{Command: "exit 9", MaxAutoReruns: 1}),
	), wire.Limits{})
	start(t, s).wait()
	want := "\nExited with code exit status 1\n\nRerunning the step: attempt 2 of 4, in 1ms\n\n" +
		"\nExited with code exit status 1\n\nRerunning the step: attempt 3 of 4, in 1ms\n\n"
	if got := s.Output(first); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if e := end(t, s, first); e.StepStatus != core.StepSuccess {
		t.Errorf("flaky: got %+v", e)
	}
	if e := end(t, s, first+1); e.StepStatus != core.StepFailed || strings.Count(s.Output(first+1), "Exited") != 2 {
		t.Errorf("hopeless: got %+v, %q", e, s.Output(first+1))
	}
}

func TestOutputBeyondTheLimitIsDroppedWithAMark(t *testing.T) {
	t.Parallel()
	s := agenttest.New(t, task(sh("seq 1 100000; exit 1"), run2("next", core.RunStep{Command: "echo small", When: core.WhenAlways})), wire.Limits{StepBytes: 1000})
	start(t, s).wait()
	var all strings.Builder
	for i := range 1000 {
		fmt.Fprintln(&all, i+1)
	}
	want := all.String()[:1000] + "\n... output truncated after 1000 bytes ...\n\nExited with code exit status 1\n"
	if got := s.Output(first); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if e := end(t, s, first); !e.Truncated {
		t.Errorf("got %+v, want truncated", e)
	}
	if e := end(t, s, first+1); e.Truncated || s.Output(first+1) != "small\n" {
		t.Errorf("got %+v, %q", e, s.Output(first+1))
	}
}

func TestSecretsAreMaskedEverywhere(t *testing.T) {
	t.Parallel()
	const secret = "hunter2-and-more"
	claimed := task(run2("say "+secret, core.RunStep{
		Command: `printf 'hunter2-'; sleep 0.2; printf 'and-more\n'; printf %s "$SECRET" | base64; printf 'prompt: '; echo hunter2-and-more; exit 1`,
	}))
	claimed.Secrets = []core.EnvVar{{Name: "SECRET", Value: secret}}
	s := agenttest.New(t, claimed, wire.Limits{})
	b := start(t, s)
	if got := b.wait(); got != 0 {
		t.Fatalf("got exit status %d, want 0", got)
	}
	const mark = "****************"
	if got, want := s.Output(first), mark+"\n"+mark+"\nprompt: "+mark+"\n\nExited with code exit status 1\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, where := range []string{s.All(), b.log.String()} {
		if strings.Contains(where, secret) || strings.Contains(where, agenttest.Token) {
			t.Errorf("a secret shows in %q", where)
		}
	}
	if !strings.Contains(fmt.Sprint(s.Events()), "say "+mark) {
		t.Errorf("the step's name is not masked: %+v", s.Events())
	}
}

func TestAnUnknownKindOfStepFails(t *testing.T) {
	t.Parallel()
	s := agenttest.New(t, task(core.StepPlan{Kind: "teleport", Name: "Beam up"}), wire.Limits{})
	if got := start(t, s).wait(); got != 0 {
		t.Fatalf("got exit status %d, want 0", got)
	}
	const want = `This agent (dev) cannot run a step of kind "teleport"; update muster-agent on the clients.`
	if e := ending(t, s); e.Status != core.JobFailed || e.Reason != want {
		t.Errorf("got %+v", e)
	}
	if got := s.Output(first); got != want+"\n" {
		t.Errorf("got %q", got)
	}
}
