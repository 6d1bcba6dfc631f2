// SPDX-License-Identifier: MPL-2.0

package process

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// A descendant may hold on to the output when the command itself has ended: a
// server that a step leaves to the next ones. What the command wrote comes
// before anything that such a one writes later, and pipes and terminals hold
// less than tail; so reading stops after tail bytes, or after quiet silence.
const (
	tail  = 1 << 20
	quiet = 100 * time.Millisecond
)

// Command says what to run. Args includes the program, whose first word is
// looked up in the PATH of Env when it has no slash.
type Command struct {
	Args []string
	Dir  string
	Env  []string
	// Terminal gives the command a pseudo-terminal of 80x24 as its three
	// standard files; without one it gets /dev/null and a pipe.
	Terminal bool
	// Out takes the output, in one goroutine. It may block; the command then
	// waits with its writing.
	Out io.Writer
}

// Process is a started command and its session.
type Process struct {
	pid    int
	cmd    *exec.Cmd
	table  *Table
	copied chan error    // the result of the copying goroutine
	ended  chan struct{} // closed when the command has ended
	output *os.File      // our end of the terminal or pipe
}

// Start runs a command as the leader of a new session.
func (t *Table) Start(c Command) (*Process, error) {
	path, err := lookPath(c.Args[0], c.Env)
	if err != nil {
		return nil, err
	}
	ours, theirs, terminal, err := openOutput(c.Terminal)
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	cmd := &exec.Cmd{Path: path, Args: c.Args, Dir: c.Dir, Env: c.Env, Stdout: theirs, Stderr: theirs,
		SysProcAttr: &syscall.SysProcAttr{Setsid: true}}
	if terminal {
		cmd.Stdin = theirs
		cmd.SysProcAttr.Setctty = true // descriptor 0 becomes the controlling terminal
	}
	p := &Process{cmd: cmd, table: t, copied: make(chan error, 1), ended: make(chan struct{}), output: ours}
	t.mu.Lock()
	if err = cmd.Start(); err == nil {
		p.pid = cmd.Process.Pid
		t.own[p.pid] = true
	}
	t.mu.Unlock()
	if err != nil {
		ours.Close()
		return nil, fmt.Errorf("starting %s: %w", c.Args[0], err)
	}
	go p.copy(c.Out)
	return p, nil
}

func (p *Process) copy(out io.Writer) { p.copied <- drain(p.output, p.ended, out) }

// drain moves output until the other end hangs up (EIO of a terminal) or
// closes, or until the command has ended and the above says that it is enough.
// After a failed write it goes on reading, so that the command does not block
// for ever on output that nobody takes.
func drain(from *os.File, ended <-chan struct{}, out io.Writer) error {
	var failed error
	buf := make([]byte, 32<<10)
	for left := tail; left > 0; {
		over := closed(ended)
		if over {
			from.SetReadDeadline(time.Now().Add(quiet))
		}
		n, err := from.Read(buf)
		if n > 0 && failed == nil {
			_, failed = out.Write(buf[:n])
		}
		if over {
			left -= n
		}
		if errors.Is(err, os.ErrDeadlineExceeded) && !over {
			<-ended // Wait is about to say so
			continue
		}
		if err != nil {
			break
		}
	}
	return failed
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// Ended is closed when the command itself has ended; descendants may go on.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Wait returns the exit status once the command has ended and all its output
// has been taken. A command that a signal ended has 128 and the signal's
// number, as a shell says it. It must be called once.
func (p *Process) Wait() (int, error) {
	err := p.cmd.Wait()
	p.table.forget(p.pid)
	p.output.SetReadDeadline(time.Now()) // wakes copy, which sees the end
	close(p.ended)
	copyErr := <-p.copied
	p.output.Close()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return -1, fmt.Errorf("waiting for the command: %w", err)
	}
	if copyErr != nil {
		return -1, fmt.Errorf("taking the command's output: %w", copyErr)
	}
	return exitStatus(p.cmd.ProcessState), nil
}

func exitStatus(state *os.ProcessState) int {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return state.ExitCode()
}

// openOutput opens both ends of a terminal, or of a pipe where none is wanted
// or none can be had (a container without /dev/ptmx).
func openOutput(wantTerminal bool) (ours, theirs *os.File, terminal bool, err error) {
	if wantTerminal {
		if ours, theirs, err = openTerminal(); err == nil {
			return ours, theirs, true, nil
		}
	}
	ours, theirs, err = os.Pipe()
	if err != nil {
		return nil, nil, false, fmt.Errorf("opening a pipe for output: %w", err)
	}
	return ours, theirs, false, nil
}

func openTerminal() (ours, theirs *os.File, err error) {
	master, theirs, err := pty.Open()
	if err != nil {
		return nil, nil, err
	}
	defer master.Close()
	err = errors.Join(
		pty.Setsize(master, &pty.Winsize{Rows: 24, Cols: 80}),
		plainTerminal(theirs),
	)
	if err == nil {
		ours, err = pollable(master)
	}
	if err != nil {
		theirs.Close()
		return nil, nil, err
	}
	return ours, theirs, nil
}

// pollable returns another file of the same terminal whose reads can have a
// deadline, and which need no thread of their own while they wait.
func pollable(f *os.File) (*os.File, error) {
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("duplicating the terminal: %w", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, errors.Join(fmt.Errorf("making the terminal pollable: %w", err), unix.Close(fd))
	}
	return os.NewFile(uintptr(fd), f.Name()), nil
}
