// SPDX-License-Identifier: MPL-2.0

package execute

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/muster-ci/muster/agent/ssh"
	"github.com/muster-ci/muster/agent/stream"
	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/wire"
)

// maxLogins is how many commands may be run over SSH in one job: each is a step
// of its own, and steps are limited.
const maxLogins = 1000

// sessionKind is the kind of the steps that sessions are shown as.
const sessionKind = "ssh_session"

// enableSSH is the step that starts the server. A job whose server cannot start
// goes on without: the rerun is worth something all the same.
func (j *job) enableSSH(ctx context.Context, out *stream.StepWriter) (outcome, error) {
	access := j.task.Spec.SSH
	if len(access.Keys) == 0 {
		return sshFailed(out, "You have no SSH key here. Add one with `muster ssh-key add ~/.ssh/id_ed25519.pub` and run the job again.")
	}
	account, err := j.account()
	if err != nil {
		return sshFailed(out, fmt.Sprintf("SSH cannot be enabled: %v.", err))
	}
	server, err := ssh.New(ssh.Config{
		Listen: j.cfg.SSH.Listen, Address: j.cfg.SSH.Address, Program: j.cfg.SSH.Program,
		Keys: access.Keys, Forwarding: access.Forwarding, Grace: j.cfg.Grace,
	}, account, ssh.Deps{Logger: j.deps.Logger, Clock: j.deps.Clock, Processes: j.deps.Processes, Begin: j.beginLogin})
	if err != nil {
		return sshFailed(out, fmt.Sprintf("SSH cannot be enabled: %v.", err))
	}
	host, port, err := server.Listen(ctx)
	if err != nil {
		server.Close()
		return sshFailed(out, fmt.Sprintf("SSH cannot be enabled: %v.", err))
	}
	j.ssh = server
	j.openOutside(ctx, server)
	address := ""
	if host != "" {
		address = net.JoinHostPort(host, strconv.Itoa(port))
	}
	if err := j.deps.Recorder.Event(wire.Event{Type: wire.SSHReady, Address: address, HostKey: server.HostKey()}); err != nil {
		return outcome{}, fmt.Errorf("telling where to log in: %w", err)
	}
	_, err = out.Write([]byte(j.sshNotice(host, port)))
	return outcome{status: core.StepSuccess}, err
}

func sshFailed(out *stream.StepWriter, reason string) (outcome, error) {
	return outcome{status: core.StepSuccess, reason: reason}, out.Note("%s\n", reason)
}

// sshNotice is what the person reads who asked for it.
func (j *job) sshNotice(host string, port int) string {
	var text strings.Builder
	text.WriteString("You can now SSH into this build with the keys that you have added to Muster.\n\n")
	if host != "" {
		fmt.Fprintf(&text, "    ssh -p %d %s\n\n", port, host)
	}
	fmt.Fprintf(&text, "Through the gateway, where the port cannot be reached:\n\n    muster ssh %s", j.task.Spec.Job)
	if j.task.Spec.Total > 1 {
		fmt.Fprintf(&text, " --task %d", j.task.Spec.Index)
	}
	fmt.Fprintf(&text, "\n\nThe host key is ED25519 %s\n", j.ssh.Fingerprint())
	fmt.Fprintf(&text, "The build stays for %s after its last step or your last session, %s at most.\n", short(j.sshIdle()), short(j.sshMost()))
	text.WriteString("What you see there is not masked, and each session is recorded with its command as a step.\n")
	return text.String()
}

func (j *job) sshIdle() time.Duration { return cmp.Or(j.task.Spec.SSH.Idle, core.SSHIdle) }
func (j *job) sshMost() time.Duration { return cmp.Or(j.task.Spec.SSH.Most, core.SSHMost) }

// short writes a duration without the units that are zero at its end.
func short(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// waitForSSH is the step that keeps an ended job for those who log in. The job
// ends as it would have without, unless it is canceled meanwhile.
func (j *job) waitForSSH(ctx context.Context, result Result) (Result, error) {
	if j.ssh == nil || interrupted(ctx) != nil {
		return result, nil
	}
	_, err := j.perform(ctx, activity{name: "Wait for SSH", kind: "wait_for_ssh", run: func(ctx context.Context, out *stream.StepWriter) (outcome, error) {
		_, err := fmt.Fprintf(out, "The job's steps are over: %s.\nWaiting until nobody has been logged in for %s, %s at most. Cancel the job to end this.\n",
			result.Status, short(j.sshIdle()), short(j.sshMost()))
		if err != nil {
			return outcome{}, err
		}
		j.ssh.Wait(ctx, j.sshIdle(), j.sshMost())
		if i := interrupted(ctx); i != nil {
			return outcome{status: i.stepStatus(), reason: i.Reason}, nil
		}
		return outcome{status: core.StepSuccess}, nil
	}})
	if i := interrupted(ctx); i != nil {
		return Result(*i), err
	}
	return result, err
}

// openOutside takes what comes through the gateway.
func (j *job) openOutside(ctx context.Context, server *ssh.Server) {
	if j.deps.Outside == nil {
		return
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		j.deps.Outside(ctx, server.Serve)
	}()
	j.leaveOutside = func() {
		cancel()
		<-ended
	}
}

// closeSSH ends all sessions, and returns when they have been told to have.
func (j *job) closeSSH() {
	if j.ssh != nil {
		j.ssh.Close()
	}
	if j.leaveOutside != nil {
		j.leaveOutside()
	}
}

// beginLogin tells of a command over SSH as of a step in the background, so that
// it stands where everybody looks who looks at the job.
func (j *job) beginLogin(l ssh.Login) (end func(code int), err error) {
	j.mu.Lock()
	j.logins++
	many := j.logins > maxLogins
	j.mu.Unlock()
	if many {
		return nil, core.Errorf(core.CodeExhausted, "a job takes %d commands over SSH", maxLogins)
	}
	number := j.next()
	err = j.deps.Recorder.Event(wire.Event{Type: wire.StepStarted, Step: number, Name: "SSH: " + l.Kind, Command: l.Command,
		Kind: sessionKind, Background: true, Remote: l.Remote, Fingerprint: l.Fingerprint})
	if err != nil {
		return nil, err
	}
	out := j.deps.Recorder.Step(number)
	if err := out.Note("from %s with the key %s\n", l.Remote, l.Fingerprint); err != nil {
		return nil, err
	}
	j.deps.Logger.Info("ssh session started", "kind", l.Kind, "remote", l.Remote, "fingerprint", l.Fingerprint, "step", number)
	return func(code int) {
		e := wire.Event{Type: wire.StepEnded, Step: number, StepStatus: core.StepSuccess, ExitCode: &code, Background: true}
		if err := errors.Join(out.Close(), j.deps.Recorder.Event(e)); err != nil {
			j.deps.Logger.Warn("the end of an ssh session cannot be told", "error", err)
		}
		j.deps.Logger.Info("ssh session ended", "exit_code", code, "step", number)
	}, nil
}

// account is the job's: its environment, folder and shell. A shell at a terminal
// reads what the person's own would, and then BASH_ENV, which other shells do
// by themselves.
func (j *job) account() (ssh.Account, error) {
	words, err := j.shellWords(core.RunStep{})
	if err != nil {
		return ssh.Account{}, err
	}
	program := words[0]
	base := filepath.Base(program)
	if !isShell(base) {
		program = j.shell[0] // the job's steps are in some other language
		base = filepath.Base(program)
	}
	account := ssh.Account{Shell: []string{program, "-i"}, Plain: []string{program}, Run: []string{program, "-c"}, Dir: j.directory}
	env := j.base.with([]core.EnvVar{{Name: "SHELL", Value: program}})
	profile := filepath.Join(j.temp, "ssh_profile")
	if base == "bash" {
		account.Shell = []string{program, "--rcfile", profile, "-i"}
	} else {
		env.set("ENV", profile)
	}
	account.Env = env.list()
	if err := os.WriteFile(profile, []byte(sshProfile), 0o600); err != nil {
		return ssh.Account{}, fmt.Errorf("writing the shell's profile: %w", err)
	}
	return account, nil
}

// sshProfile keeps the job's PATH: what the image's profile would set in its
// place is not what steps have.
const sshProfile = `if [ -n "$BASH" ] && [ -r ~/.bashrc ]; then . ~/.bashrc; fi
if [ -r "$BASH_ENV" ]; then . "$BASH_ENV"; fi
`

func isShell(name string) bool {
	switch name {
	case "bash", "sh", "dash", "ash", "ksh", "zsh":
		return true
	}
	return false
}
