// SPDX-License-Identifier: MPL-2.0

package ssh

import (
	"fmt"
	"strings"
	"sync"
	"syscall"

	xssh "golang.org/x/crypto/ssh"

	"github.com/muster-ci/muster/agent/process"
)

// session is one channel with at most one command (RFC 4254, 6).
//
//	env, pty-req ... ──► shell | exec | subsystem ──► window-change, signal ... ──► exit-status
type session struct {
	*connection
	channel xssh.Channel
	size    *process.Size // of the terminal that was asked for, nil for none
	term    string
	locale  []string
	started bool
	running *process.Session // nil before it started
	done    sync.WaitGroup
}

// serve answers requests until the client or the command ends the channel.
func (s *session) serve(requests <-chan *xssh.Request) {
	defer s.done.Wait()
	defer s.channel.Close()
	for r := range requests {
		ok := s.request(r)
		if r.WantReply {
			r.Reply(ok, nil)
		}
	}
	if s.running != nil {
		s.running.HangUp()
	}
}

// request does what is asked and tells whether it did. What is not known here
// is refused, forwarding of agents and of X11 among it.
func (s *session) request(r *xssh.Request) bool {
	switch r.Type {
	case "env":
		return s.variable(r.Payload)
	case "pty-req":
		return s.terminal(r.Payload)
	case "window-change":
		return s.resize(r.Payload)
	case "signal":
		return s.signal(r.Payload)
	case "shell":
		if s.size == nil {
			return s.start("shell", "", s.account.Plain)
		}
		return s.start("shell", "", s.account.Shell)
	case "exec":
		var p struct{ Command string }
		return xssh.Unmarshal(r.Payload, &p) == nil &&
			s.start("exec", p.Command, append(s.account.Run[:len(s.account.Run):len(s.account.Run)], p.Command))
	case "subsystem":
		var p struct{ Name string }
		return xssh.Unmarshal(r.Payload, &p) == nil && p.Name == "sftp" &&
			s.start("sftp", "", []string{s.cfg.Program, SFTPCommand})
	default:
		return false
	}
}

// variable takes what says how a person's terminal writes, and no more: the
// environment is the job's.
func (s *session) variable(payload []byte) bool {
	var p struct{ Name, Value string }
	if xssh.Unmarshal(payload, &p) != nil || p.Name != "LANG" && !strings.HasPrefix(p.Name, "LC_") ||
		len(s.locale) > 20 || len(p.Value) > 256 {
		return false
	}
	s.locale = append(s.locale, p.Name+"="+p.Value)
	return true
}

func (s *session) terminal(payload []byte) bool {
	var p struct {
		Term                                  string
		Columns, Rows, PixelsWide, PixelsTall uint32
		Modes                                 string
	}
	if xssh.Unmarshal(payload, &p) != nil || s.started || len(p.Term) > 256 {
		return false
	}
	s.term, s.size = p.Term, sizeOf(p.Rows, p.Columns)
	return true
}

func sizeOf(rows, columns uint32) *process.Size {
	const most = 4096
	return &process.Size{Rows: uint16(min(rows, most)), Columns: uint16(min(columns, most))}
}

func (s *session) resize(payload []byte) bool {
	var p struct{ Columns, Rows, PixelsWide, PixelsTall uint32 }
	if xssh.Unmarshal(payload, &p) != nil || s.running == nil {
		return false
	}
	s.running.Resize(*sizeOf(p.Rows, p.Columns))
	return true
}

// signals are those that RFC 4254 names.
var signals = map[string]syscall.Signal{
	"ABRT": syscall.SIGABRT, "ALRM": syscall.SIGALRM, "FPE": syscall.SIGFPE, "HUP": syscall.SIGHUP, "ILL": syscall.SIGILL,
	"INT": syscall.SIGINT, "KILL": syscall.SIGKILL, "PIPE": syscall.SIGPIPE, "QUIT": syscall.SIGQUIT, "SEGV": syscall.SIGSEGV,
	"TERM": syscall.SIGTERM, "USR1": syscall.SIGUSR1, "USR2": syscall.SIGUSR2,
}

func (s *session) signal(payload []byte) bool {
	var p struct{ Name string }
	if xssh.Unmarshal(payload, &p) != nil || s.running == nil || signals[p.Name] == 0 {
		return false
	}
	s.running.Signal(signals[p.Name])
	return true
}

// start starts the channel's command, of which there is one, and has another
// goroutine see it ended. What went wrong is told to the person.
func (s *session) start(kind, command string, words []string) bool {
	if s.started {
		return false
	}
	s.started = true
	err := s.run(kind, command, words)
	if err != nil {
		fmt.Fprintf(s.channel.Stderr(), "muster: %v\r\n", err)
	}
	return err == nil
}

func (s *session) run(kind, command string, words []string) error {
	end, err := s.begin(kind, command)
	if err != nil {
		return err
	}
	d := process.Dialog{Args: words, Dir: s.account.Dir, Env: s.environment(), In: s.channel, Out: s.channel, Err: s.channel.Stderr()}
	if kind != "sftp" {
		d.Terminal = s.size
	}
	running, err := s.deps.Processes.Talk(d)
	if err != nil {
		end(-1)
		return err
	}
	if !s.keep(running) {
		running.Signal(syscall.SIGKILL)
	}
	s.running = running
	s.done.Go(func() { s.finish(end) })
	return nil
}

func (s *session) environment() []string {
	env := append(s.account.Env[:len(s.account.Env):len(s.account.Env)], s.locale...)
	env = append(env, "PWD="+s.account.Dir, "SSH_CONNECTION="+s.connectionLine())
	if s.size != nil {
		env = append(env, "TERM="+s.term)
	}
	return env
}

// connectionLine is what programs read to see that they run in SSH: both ends.
func (s *session) connectionLine() string {
	return strings.NewReplacer("[", "", "]", "").Replace(spaced(s.remote) + " " + spaced(s.raw.LocalAddr().String()))
}

func spaced(address string) string {
	if i := strings.LastIndexByte(address, ':'); i >= 0 {
		return address[:i] + " " + address[i+1:]
	}
	return address + " 0"
}

// finish waits for the command and tells how it ended.
func (s *session) finish(end func(int)) {
	code, signal, err := s.running.Wait()
	s.drop(s.running)
	if err != nil {
		s.deps.Logger.Warn("the command of an ssh session cannot be waited for", "error", err)
	}
	end(code)
	s.channel.CloseWrite()
	name := ""
	for known, number := range signals {
		if signal != 0 && number == signal {
			name = known
		}
	}
	if name != "" {
		s.channel.SendRequest("exit-signal", false, xssh.Marshal(struct {
			Name            string
			Core            bool
			Error, Language string
		}{Name: name}))
	} else {
		s.channel.SendRequest("exit-status", false, xssh.Marshal(struct{ Status uint32 }{uint32(code) & 0xff}))
	}
	s.channel.Close()
}
