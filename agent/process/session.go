// SPDX-License-Identifier: MPL-2.0

package process

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"github.com/creack/pty"
)

// Size is that of a terminal, in characters.
type Size struct{ Rows, Columns uint16 }

// Dialog is a command that somebody talks to while it runs.
type Dialog struct {
	Args []string
	Dir  string
	Env  []string
	// Terminal gives the command a terminal of that size, with echo and line
	// editing as a terminal has them; nil gives it three pipes.
	Terminal *Size
	// In is read until its end, also when the command has ended: its owner ends
	// it then. Err is not used with a terminal.
	In       io.Reader
	Out, Err io.Writer
}

// Session is a started Dialog, the leader of a session of processes.
type Session struct {
	cmd      *exec.Cmd
	table    *Table
	terminal *os.File // our end; nil without one
	outputs  []*os.File
	copied   sync.WaitGroup
	ended    chan struct{}
}

// Talk starts a dialog. Wait must be called once.
func (t *Table) Talk(d Dialog) (*Session, error) {
	path, err := lookPath(d.Args[0], d.Env)
	if err != nil {
		return nil, err
	}
	s := &Session{table: t, ended: make(chan struct{}), cmd: &exec.Cmd{Path: path, Args: d.Args, Dir: d.Dir, Env: d.Env,
		SysProcAttr: &syscall.SysProcAttr{Setsid: true}}}
	ends, err := s.open(d)
	if err == nil {
		err = s.start()
	}
	for _, theirs := range ends.theirs {
		theirs.Close()
	}
	if err != nil {
		for _, ours := range append(s.outputs, ends.in) {
			if ours != nil {
				ours.Close()
			}
		}
		return nil, fmt.Errorf("starting %s: %w", d.Args[0], err)
	}
	s.copy(d, ends.in)
	return s, nil
}

// ends are the files of a dialog: theirs are the command's, in is what we write
// its input to.
type ends struct {
	theirs []*os.File
	in     *os.File
}

func (s *Session) open(d Dialog) (ends, error) {
	if d.Terminal != nil {
		return s.openTerminal(*d.Terminal)
	}
	var e ends
	pipes := make([][2]*os.File, 3)
	for i := range pipes {
		r, w, err := os.Pipe()
		if err != nil {
			return e, fmt.Errorf("opening a pipe: %w", err)
		}
		pipes[i] = [2]*os.File{r, w}
		if i == 0 {
			e.theirs, e.in = append(e.theirs, r), w
		} else {
			e.theirs, s.outputs = append(e.theirs, w), append(s.outputs, r)
		}
	}
	s.cmd.Stdin, s.cmd.Stdout, s.cmd.Stderr = pipes[0][0], pipes[1][1], pipes[2][1]
	return e, nil
}

func (s *Session) openTerminal(size Size) (ends, error) {
	master, theirs, err := pty.Open()
	if err != nil {
		return ends{}, fmt.Errorf("opening a terminal: %w", err)
	}
	defer master.Close()
	e := ends{theirs: []*os.File{theirs}}
	if err := pty.Setsize(master, size.pty()); err != nil {
		return e, fmt.Errorf("setting the terminal's size: %w", err)
	}
	if s.terminal, err = pollable(master); err != nil {
		return e, err
	}
	s.outputs = []*os.File{s.terminal}
	s.cmd.Stdin, s.cmd.Stdout, s.cmd.Stderr = theirs, theirs, theirs
	s.cmd.SysProcAttr.Setctty = true // descriptor 0 becomes the controlling terminal
	return e, nil
}

func (s Size) pty() *pty.Winsize { return &pty.Winsize{Rows: s.Rows, Cols: s.Columns} }

// start forks under the table's lock, so that the reaper leaves the child to us.
func (s *Session) start() error {
	s.table.mu.Lock()
	defer s.table.mu.Unlock()
	if err := s.cmd.Start(); err != nil {
		return err
	}
	s.table.own[s.cmd.Process.Pid] = true
	return nil
}

// copy moves input and output. The end of the input closes a pipe; to a
// terminal it says nothing, as with any other SSH server.
func (s *Session) copy(d Dialog, in *os.File) {
	for i, output := range s.outputs {
		out := d.Out
		if i == 1 {
			out = d.Err
		}
		s.copied.Go(func() { drain(output, s.ended, out) })
	}
	if s.terminal != nil {
		in = s.terminal
	}
	go func() {
		io.Copy(in, d.In)
		if s.terminal == nil {
			in.Close()
		}
	}()
}

// Resize tells the command that its terminal has another size.
func (s *Session) Resize(size Size) {
	if s.terminal != nil {
		pty.Setsize(s.terminal, size.pty()) // a command that has ended needs none
	}
}

// Signal sends a signal to the command's process group.
func (s *Session) Signal(signal syscall.Signal) {
	if !closed(s.ended) {
		syscall.Kill(-s.cmd.Process.Pid, signal)
	}
}

// HangUp is what happens when the line is cut: the command gets SIGHUP.
func (s *Session) HangUp() { s.Signal(syscall.SIGHUP) }

// Stop ends the whole session of processes, as Process.Stop does.
func (s *Session) Stop(grace time.Duration) {
	p := &Process{pid: s.cmd.Process.Pid}
	p.Stop(grace)
}

// Wait returns the exit status, and the signal that ended the command if one
// did, once its output has been passed on.
func (s *Session) Wait() (code int, signal syscall.Signal, err error) {
	err = s.cmd.Wait()
	s.table.forget(s.cmd.Process.Pid)
	close(s.ended)
	for _, output := range s.outputs {
		output.SetReadDeadline(time.Now()) // wakes drain, which sees the end
	}
	s.copied.Wait()
	for _, output := range s.outputs {
		output.Close()
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return -1, 0, fmt.Errorf("waiting for the command: %w", err)
	}
	if status, ok := s.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal()), status.Signal(), nil
	}
	return s.cmd.ProcessState.ExitCode(), 0, nil
}
