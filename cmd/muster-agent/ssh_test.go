// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
	xssh "golang.org/x/crypto/ssh"

	"github.com/muster-ci/muster/agent/agenttest"
	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/wire"
)

// person is somebody with a key and Debian's openssh-client.
type person struct {
	t     *testing.T
	dir   string
	key   string // the public one, as a line
	known string // the host key of the job, "" to take any
	host  string
	port  string
}

func newPerson(t *testing.T) *person {
	t.Helper()
	if _, err := exec.LookPath("ssh"); err != nil {
		t.Skip("there is no ssh; scripts/system-packages.sh openssh-client installs it")
	}
	p := &person{t: t, dir: t.TempDir()}
	out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(p.dir, "id")).CombinedOutput()
	if err != nil {
		t.Fatalf("ssh-keygen: %v\n%s", err, out)
	}
	line, err := os.ReadFile(filepath.Join(p.dir, "id.pub"))
	if err != nil {
		t.Fatal(err)
	}
	p.key = strings.TrimSpace(string(line))
	return p
}

// at takes the address and the host key from the agent's event.
func (p *person) at(e wire.Event) *person {
	p.t.Helper()
	var err error
	if p.host, p.port, err = net.SplitHostPort(e.Address); err != nil {
		p.t.Fatalf("the address %q: %v", e.Address, err)
	}
	p.known = filepath.Join(p.dir, "known_hosts")
	if err := os.WriteFile(p.known, []byte("["+p.host+"]:"+p.port+" "+e.HostKey+"\n"), 0o600); err != nil {
		p.t.Fatal(err)
	}
	return p
}

// run runs ssh, scp or sftp with this person's key and nothing of the machine's.
func (p *person) command(program string, args ...string) *exec.Cmd {
	portFlag := "-p"
	if program != "ssh" {
		portFlag = "-P"
	}
	all := append([]string{"-F", "none", "-i", filepath.Join(p.dir, "id"), portFlag, p.port, "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none",
		"-o", "UserKnownHostsFile=" + p.known, "-o", "StrictHostKeyChecking=yes", "-o", "BatchMode=yes", "-o", "LogLevel=ERROR"}, args...)
	cmd := exec.Command(program, all...)
	cmd.Env = []string{"HOME=" + p.dir, "PATH=" + os.Getenv("PATH")}
	return cmd
}

// ssh returns the output of a command and the exit status of ssh.
func (p *person) ssh(args ...string) (string, int) {
	p.t.Helper()
	cmd := p.command("ssh", args...)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		p.t.Fatalf("ssh: %v", err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

func (p *person) target() string { return "job@" + p.host }

// ready waits until a job can be logged in to.
func (b *fixture) ready() wire.Event {
	b.t.Helper()
	var found wire.Event
	b.until("the job to be ready for SSH", func() bool {
		for _, e := range b.server.Events() {
			if e.Type == wire.SSHReady {
				found = e
				return true
			}
		}
		return false
	})
	return found
}

// waiting waits until the job's steps are over.
func (b *fixture) waiting() {
	b.t.Helper()
	b.until("the job to wait", func() bool {
		for _, e := range b.server.Events() {
			if e.Type == wire.StepStarted && e.Name == "Wait for SSH" {
				return true
			}
		}
		return false
	})
}

// rerun starts an agent on a task with SSH for somebody.
func rerun(t *testing.T, p *person, access core.SSHAccess, steps ...core.StepPlan) *fixture {
	t.Helper()
	claimed := task(steps...)
	access.User, access.Keys = "user-1", []string{p.key}
	claimed.Spec.SSH = &access
	claimed.Spec.Plan.Environment = []core.EnvVar{{Name: "GREETING", Value: "good morning"}}
	claimed.Secrets = []core.EnvVar{{Name: "SECRET", Value: "canary-4711"}}
	s := agenttest.New(t, claimed, wire.Limits{Heartbeat: 50 * time.Millisecond})
	return start(t, s, wire.EnvSSHListen+"=127.0.0.1:0")
}

func TestSSHRunsCommandsAsTheJobDoes(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	b := rerun(t, p, core.SSHAccess{}, sh(`echo 'export LATE="set by a step"' >> "$BASH_ENV"`))
	p.at(b.ready())
	b.waiting()
	out, code := p.ssh(p.target(), `echo "$GREETING|$SECRET|$LATE|$CIRCLE_JOB|$PWD"; env | grep -c -e NOMAD -e MUSTER_IDENTITY; exit 7`)
	if want := "good morning|canary-4711|set by a step|build|" + b.home + "/project\n0\n"; out != want || code != 7 {
		t.Errorf("got %q with status %d, want %q with 7", out, code, want)
	}
	if out, code := p.ssh(p.target(), "kill -TERM $$"); code != 255 && code != 143 {
		t.Errorf("a killed command: got %q with %d", out, code)
	}
	cmd := p.command("ssh", p.target())
	cmd.Stdin = strings.NewReader("echo from-$((40+2)); cat >&2 <<< problems\n")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil || stdout.String() != "from-42\n" || stderr.String() != "problems\n" {
		t.Errorf("a shell without a terminal: got %q, %q, %v", stdout.String(), stderr.String(), err)
	}
	b.audited("SSH: exec", "kill -TERM $$")
	if all := b.server.All(); strings.Contains(all, "canary-4711") {
		t.Error("a secret that was read over SSH is in what the agent told")
	}
}

// audited looks for the step of a session.
func (b *fixture) audited(name, command string) {
	b.t.Helper()
	b.until("the step "+name+" "+command, func() bool {
		for _, e := range b.server.Events() {
			if e.Type == wire.StepStarted && e.Name == name && e.Command == command && strings.HasPrefix(e.Fingerprint, "SHA256:") && e.Background {
				return true
			}
		}
		return false
	})
}

func TestTheStepShowsTheCommandAndTheHostKey(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	b := rerun(t, p, core.SSHAccess{Idle: time.Millisecond}, sh("exit 3"))
	e := b.ready()
	p.at(e)
	if got := b.wait(); got != 0 {
		t.Fatalf("got exit status %d", got)
	}
	key, _, _, _, err := xssh.ParseAuthorizedKey([]byte(e.HostKey))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"ssh -p " + p.port + " 127.0.0.1\n", "muster ssh job-1 --task 1\n", xssh.FingerprintSHA256(key)} {
		if got := b.server.Output(2); !strings.Contains(got, want) {
			t.Errorf("%q is missing in %s", want, got)
		}
	}
	// The wait changes nothing of how the job ended, and nobody comes in after.
	if got := ending(t, b.server); got.Status != core.JobFailed {
		t.Errorf("the job is %s, want failed", got.Status)
	}
	if out, code := p.ssh(p.target(), "true"); code != 255 {
		t.Errorf("after the end: got %q with %d", out, code)
	}
}

func TestSSHRefusesOtherKeys(t *testing.T) {
	t.Parallel()
	p, other := newPerson(t), newPerson(t)
	b := rerun(t, p, core.SSHAccess{})
	e := b.ready()
	if out, code := other.at(e).ssh(other.target(), "true"); code != 255 || !strings.Contains(out, "Permission denied") {
		t.Errorf("another user's key: got %q with %d", out, code)
	}
	password := []string{"-o", "PubkeyAuthentication=no", "-o", "PreferredAuthentications=password,keyboard-interactive,none", p.at(e).target(), "true"}
	if out, code := p.ssh(password...); code != 255 {
		t.Errorf("no key: got %q with %d", out, code)
	}
	if out, code := p.ssh(p.target(), "echo in"); code != 0 || out != "in\n" {
		t.Errorf("the user's own key: got %q with %d", out, code)
	}
}

// TestATerminal types at a shell, changes the window's size, and leaves.
func TestATerminal(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	b := rerun(t, p, core.SSHAccess{}, sh(`echo 'export LATE=late-value' >> "$BASH_ENV"`))
	p.at(b.ready())
	b.waiting()
	cmd := p.command("ssh", "-tt", p.target())
	cmd.Env = append(cmd.Env, "TERM=vt100")
	terminal, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 30, Cols: 100})
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	s := &screen{t: t, terminal: terminal, hangUp: func() { cmd.Process.Kill() }}
	s.types("echo $((6*7)) $TERM $LATE $PWD; stty size\n")
	s.shows("42 vt100 late-value " + b.home + "/project")
	s.shows("30 100")
	if err := pty.Setsize(terminal, &pty.Winsize{Rows: 40, Cols: 120}); err != nil {
		t.Fatal(err)
	}
	s.types("trap 'stty size' WINCH; until [ \"$(stty size)\" = '40 120' ]; do read -t 1 || true; done; echo re$((1))sized\n")
	s.shows("re1sized")
	s.types("sh -c 'echo sle$((1))eps; exec sleep 1000'\n")
	s.shows("sle1eps")
	s.types("\x03")
	s.shows("\x1b[?2004h")
	s.types("echo status-$?\n")
	s.shows("status-130")
	s.types("exit 5\n")
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 5 {
		t.Errorf("got %v, want exit status 5; the screen:\n%s", err, s.seen)
	}
	b.audited("SSH: shell", "")
}

// screen is what a terminal shows.
type screen struct {
	t        *testing.T
	terminal *os.File
	hangUp   func() // ends a Read that waits
	seen     string
	at       int // what was looked for lies before
}

func (s *screen) types(text string) {
	s.t.Helper()
	if _, err := s.terminal.WriteString(text); err != nil {
		s.t.Fatal(err)
	}
}

func (s *screen) shows(text string) {
	s.t.Helper()
	stuck := time.AfterFunc(patience/3, s.hangUp)
	defer stuck.Stop()
	buf := make([]byte, 4096)
	for {
		if i := strings.Index(s.seen[s.at:], text); i >= 0 {
			s.at += i + len(text)
			return
		}
		n, err := s.terminal.Read(buf)
		s.seen += string(buf[:n])
		if err != nil {
			s.t.Fatalf("waiting for %q: %v; the screen:\n%s", text, err, s.seen)
		}
	}
}

func TestFilesTravelBySCPAndSFTP(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	b := rerun(t, p, core.SSHAccess{}, sh("mkdir -p out && head -c 3000000 /dev/urandom > out/data"))
	p.at(b.ready())
	b.waiting()
	there := filepath.Join(b.home, "project", "out", "data")
	want, err := os.ReadFile(there)
	if err != nil {
		t.Fatal(err)
	}
	for name, args := range map[string][]string{
		"sftp protocol": {p.target() + ":out/data"},
		"old protocol":  {"-O", p.target() + ":out/data"},
	} {
		to := filepath.Join(t.TempDir(), "data")
		out, err := p.command("scp", append(args, to)...).CombinedOutput()
		if got, readErr := os.ReadFile(to); err != nil || readErr != nil || !bytes.Equal(got, want) {
			t.Errorf("scp, %s: got %d bytes, %v, %v\n%s", name, len(got), err, readErr, out)
		}
	}
	cmd := p.command("sftp", "-b", "-", p.target())
	cmd.Stdin = strings.NewReader("put " + filepath.Join(p.dir, "id.pub") + " put.pub\nrename put.pub renamed.pub\nls -l renamed.pub\nbye\n")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "renamed.pub") {
		t.Errorf("sftp: %v\n%s", err, out)
	}
	if got, err := os.ReadFile(filepath.Join(b.home, "project", "renamed.pub")); err != nil || strings.TrimSpace(string(got)) != p.key {
		t.Errorf("the file that was put: got %q, %v", got, err)
	}
	b.audited("SSH: sftp", "")
}

// TestSFTPShowsNothingOfTheAgent reads the environment of the process that
// serves the files: it is a child, with the environment of the job.
func TestSFTPShowsNothingOfTheAgent(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	b := rerun(t, p, core.SSHAccess{})
	p.at(b.ready())
	to := filepath.Join(t.TempDir(), "environ")
	if out, err := p.command("scp", p.target()+":/proc/self/environ", to).CombinedOutput(); err != nil {
		t.Fatalf("scp: %v\n%s", err, out)
	}
	got, err := os.ReadFile(to)
	if err != nil || !bytes.Contains(got, []byte("GREETING=good morning")) || bytes.Contains(got, []byte("vault-secret")) {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestForwardingOnlyWhenAllowed(t *testing.T) {
	t.Parallel()
	for _, allowed := range []bool{true, false} {
		p := newPerson(t)
		b := rerun(t, p, core.SSHAccess{Forwarding: allowed})
		e := b.ready()
		// What the server itself listens on is as good a target as any: its first
		// line says what it is.
		out, _ := p.at(e).ssh("-W", e.Address, p.target())
		if got := strings.Contains(out, "SSH-2.0-Muster"); got != allowed {
			t.Errorf("allowed %v: got %q", allowed, out)
		}
		if out, code := p.ssh("-o", "ExitOnForwardFailure=yes", "-R", "127.0.0.1:0:127.0.0.1:1", p.target(), "true"); code == 0 {
			t.Errorf("a port of the job: got %q with %d", out, code)
		}
		if out, _ := p.ssh("-A", p.target(), "echo agent=$SSH_AUTH_SOCK"); out != "agent=\n" {
			t.Errorf("forwarding of agents: got %q", out)
		}
	}
}

// TestASessionKeepsTheJob: the job's wait is over while a command runs, and ends
// after it.
func TestASessionKeepsTheJob(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	gate := filepath.Join(t.TempDir(), "gate")
	b := rerun(t, p, core.SSHAccess{Idle: 300 * time.Millisecond}, sh("until [ -e "+gate+" ]; do sleep 0.05; done"))
	p.at(b.ready())
	cmd := p.command("ssh", p.target(), "touch "+gate+"; cat")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	b.waiting()
	// Longer than the job would wait for nobody: it tells of nothing meanwhile.
	quiet, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := b.server.Wait(quiet, func() bool { return b.over() }); err == nil {
		t.Fatal("the job ended while somebody was logged in")
	}
	if _, err := stdin.Write([]byte("still here")); err != nil {
		t.Fatal(err)
	}
	stdin.Close()
	if err := cmd.Wait(); err != nil || out.String() != "still here" {
		t.Errorf("got %q, %v", out.String(), err)
	}
	if got := b.wait(); got != 0 || ending(t, b.server).Status != core.JobSuccess {
		t.Errorf("got %d and %s", got, ending(t, b.server).Status)
	}
}

func (b *fixture) over() bool {
	events := b.server.Events()
	return len(events) > 0 && events[len(events)-1].Type == wire.TaskEnded
}

// TestASessionEndsAtTheLimit and is told.
func TestASessionEndsAtTheLimit(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	b := rerun(t, p, core.SSHAccess{Most: 500 * time.Millisecond}, sh("true"))
	p.at(b.ready())
	if out, code := p.ssh(p.target(), "sleep 1000"); code == 0 {
		t.Errorf("got %q with %d, want the connection cut", out, code)
	}
	if got := b.wait(); got != 0 || ending(t, b.server).Status != core.JobSuccess {
		t.Errorf("got %d and %s", got, ending(t, b.server).Status)
	}
}

func TestCancelEndsSessions(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	b := rerun(t, p, core.SSHAccess{}, sh("true"))
	p.at(b.ready())
	cmd := p.command("ssh", "-tt", p.target(), "sleep 1000")
	cmd.Stdin = strings.NewReader("")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	b.audited("SSH: exec", "sleep 1000")
	b.waiting()
	b.server.Stop("canceled")
	if err := cmd.Wait(); err == nil {
		t.Error("the session ended well, want it cut")
	}
	if got := b.wait(); got != 0 || ending(t, b.server).Status != core.JobCanceled {
		t.Errorf("got %d and %s, want canceled", got, ending(t, b.server).Status)
	}
	if out, code := p.ssh(p.target(), "true"); code != 255 {
		t.Errorf("after the cancel: got %q with %d", out, code)
	}
}

func TestWithoutKeysTheJobRunsOn(t *testing.T) {
	t.Parallel()
	claimed := task(sh("echo on"))
	claimed.Spec.SSH = &core.SSHAccess{User: "user-1"}
	b := start(t, agenttest.New(t, claimed, wire.Limits{}), wire.EnvSSHListen+"=127.0.0.1:0")
	if got := b.wait(); got != 0 || ending(t, b.server).Status != core.JobSuccess {
		t.Errorf("got %d and %s", got, ending(t, b.server).Status)
	}
	if got := b.server.Output(2); !strings.Contains(got, "muster ssh-key add") {
		t.Errorf("the step says %q", got)
	}
}
