// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/muster-ci/muster/agent/agenttest"
	"github.com/muster-ci/muster/agent/circleci"
	"github.com/muster-ci/muster/agent/ssh"
	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/wire"
)

// asAgent makes this test binary the agent: tests start it as a process of its
// own, with its own descendants, signals and memory.
const asAgent = "MUSTER_TEST_AS_AGENT"

func TestMain(m *testing.M) {
	if circleci.Names(os.Args[0]) {
		os.Exit(inside())
	}
	if os.Getenv(asAgent) != "" {
		os.Exit(run())
	}
	if len(os.Args) > 1 && os.Args[1] == ssh.SFTPCommand { // by such an agent
		os.Exit(serveSFTP())
	}
	os.Exit(m.Run())
}

// patience is how long a test waits for what must happen.
const patience = 90 * time.Second

// fixture is an agent process and the output service that it talks to.
type fixture struct {
	t      testing.TB
	server *agenttest.Server
	cmd    *exec.Cmd
	home   string
	log    *bytes.Buffer
	ended  chan struct{}
}

// start runs an agent on a task, with variables beside those of a cluster.
func start(t testing.TB, server *agenttest.Server, env ...string) *fixture {
	t.Helper()
	return startUnder(t, nil, server, env...)
}

// startUnder runs it as the last argument of another program.
func startUnder(t testing.TB, wrapper []string, server *agenttest.Server, env ...string) *fixture {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return launch(t, append(wrapper[:len(wrapper):len(wrapper)], self), server, env...)
}

// launch runs an agent by these words.
func launch(t testing.TB, words []string, server *agenttest.Server, env ...string) *fixture {
	t.Helper()
	b := &fixture{t: t, server: server, home: t.TempDir(), log: &bytes.Buffer{}, ended: make(chan struct{})}
	identity := filepath.Join(b.home, "identity.jwt")
	if err := os.WriteFile(identity, []byte(agenttest.Identity+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.cmd = exec.Command(words[0], words[1:]...)
	b.cmd.Env = append([]string{
		asAgent + "=1", "PATH=" + os.Getenv("PATH"), "HOME=" + b.home, "TMPDIR=" + t.TempDir(),
		"NOMAD_TOKEN=nomad-secret-of-the-cluster", "VAULT_TOKEN=vault-secret", "CONSUL_HTTP_TOKEN=consul-secret", "IMAGE_SAYS=hello",
		wire.EnvOutputURL + "=" + server.URL, wire.EnvIdentityFile + "=" + identity, wire.EnvSpoolDir + "=" + t.TempDir(),
	}, env...)
	b.cmd.Stderr = b.log
	if err := b.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		b.cmd.Wait()
		close(b.ended)
	}()
	t.Cleanup(func() {
		b.cmd.Process.Kill()
		<-b.ended
		if t.Failed() {
			t.Logf("the agent's log:\n%s", b.log)
		}
	})
	return b
}

// wait returns the exit status of the agent.
func (b *fixture) wait() int {
	b.t.Helper()
	select {
	case <-b.ended:
		return b.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		b.cmd.Process.Signal(syscall.SIGQUIT)
		<-b.ended
		b.t.Fatalf("the agent did not end in %s", patience)
		return -1
	}
}

// until waits for something to be true of what the server holds.
func (b *fixture) until(what string, done func() bool) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := b.server.Wait(ctx, done); err != nil {
		b.t.Fatalf("waiting for %s: %v; events: %+v", what, err, b.server.Events())
	}
}

// task is a claimed task of steps.
func task(steps ...core.StepPlan) core.ClaimedTask {
	return core.ClaimedTask{
		Attempt: core.Attempt{ID: "m-test", Task: "task-1", Number: 1, Executor: core.ExecutorMachine, ResourceClass: "small"},
		Spec: core.TaskSpec{
			Task: "task-1", Job: "job-1", Workflow: "workflow-1", Number: 42, Previous: 40, Total: 2, Index: 1,
			Pipeline: core.PipelineContext{
				ID:      "pipeline-1",
				Project: core.Project{ID: "project-1", Name: "site", Organization: core.Organization{ID: "org-1", VCS: "gh", Name: "acme"}},
				Trigger: core.Trigger{Actor: core.User{Login: "ada"}},
				Source:  core.Source{Branch: "main", Revision: strings.Repeat("a", 40)},
			},
			Plan: core.JobPlan{Name: "build", Steps: steps},
		},
		TimeLimit: time.Hour,
	}
}

func sh(command string) core.StepPlan {
	return core.StepPlan{Kind: core.StepRun, Name: command, Run: &core.RunStep{Command: command}}
}

// first is the number of a task's first planned step.
const first = 2

// end returns the last event of a step, by number.
func end(t *testing.T, s *agenttest.Server, step int) wire.Event {
	t.Helper()
	for _, e := range s.Events() {
		if e.Type == wire.StepEnded && e.Step == step {
			return e
		}
	}
	t.Fatalf("step %d has not ended; events: %+v", step, s.Events())
	return wire.Event{}
}

// ending returns the task's last event.
func ending(t *testing.T, s *agenttest.Server) wire.Event {
	t.Helper()
	events := s.Events()
	if len(events) == 0 || events[len(events)-1].Type != wire.TaskEnded {
		t.Fatalf("the task has not ended; events: %+v", events)
	}
	return events[len(events)-1]
}

func TestAGreenTaskIsToldFromStartToEnd(t *testing.T) {
	t.Parallel()
	s := agenttest.New(t, task(sh("echo hello; pwd"), sh("printf 'no newline'")), wire.Limits{})
	b := start(t, s)
	if got := b.wait(); got != 0 {
		t.Fatalf("got exit status %d, want 0", got)
	}
	if got, want := s.Output(first), "hello\n"+b.home+"/project\n"; got != want {
		t.Errorf("got output %q, want %q", got, want)
	}
	if got, want := s.Output(first+1), "no newline"; got != want {
		t.Errorf("got output %q, want %q", got, want)
	}
	if e := ending(t, s); e.Status != core.JobSuccess || e.Reason != "" {
		t.Errorf("got %s (%s), want success", e.Status, e.Reason)
	}
	var types []string
	for _, e := range s.Events() {
		if e.Type != wire.TaskUsage { // comes with time, not with what happens
			types = append(types, string(e.Type))
		}
	}
	want := "task:started" + strings.Repeat(" step:started step:ended", 4) + " task:ended"
	if got := strings.Join(types, " "); got != want {
		t.Errorf("got events %s, want %s", got, want)
	}
}
