// SPDX-License-Identifier: MPL-2.0

package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a program that outlives the command which started it. Its state is
// a file with its id and the moment at which it began, so that an id that was
// given to something else meanwhile is never signalled.
type process struct {
	name, dir string
}

func (p process) file() string { return filepath.Join(p.dir, p.name+".pid") }
func (p process) log() string  { return filepath.Join(p.dir, p.name+".log") }

// start begins the program in a session of its own, with its output in a file.
func (p process) start(env []string, command string, args ...string) error {
	if p.pid() != 0 {
		return nil
	}
	log, err := os.OpenFile(p.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("opening the log of %s: %w", p.name, err)
	}
	defer log.Close()
	cmd := exec.Command(command, args...)
	cmd.Stdout, cmd.Stderr, cmd.Dir = log, log, p.dir
	cmd.Env = append(os.Environ(), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting %s: %w", p.name, err)
	}
	go func() { _ = cmd.Wait() }() // no zombie while we live
	began, err := beginning(cmd.Process.Pid)
	if err != nil {
		return fmt.Errorf("%s ended at once; see %s: %w", p.name, p.log(), err)
	}
	if err := p.remember(cmd.Process.Pid); err != nil {
		return err
	}
	return os.WriteFile(p.file(), fmt.Appendf(nil, "%d %s\n", cmd.Process.Pid, began), 0o644)
}

// remember notes the session that the program leads. Helpers that it starts are
// members, and those of one that was killed live on.
func (p process) remember(session int) error {
	file, err := os.OpenFile(filepath.Join(p.dir, p.name+".sessions"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("noting the session of %s: %w", p.name, err)
	}
	_, err = fmt.Fprintln(file, session)
	return errors.Join(err, file.Close())
}

// sweep ends what is left of all sessions that the program has led. The kernel
// gives the number of a session to no other process while it has members.
func (p process) sweep() error {
	path := filepath.Join(p.dir, p.name+".sessions")
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the sessions of %s: %w", p.name, err)
	}
	led := map[string]bool{}
	for _, session := range strings.Fields(string(text)) {
		led[session] = true
	}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return fmt.Errorf("listing processes: %w", err)
	}
	for _, stat := range stats {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(stat)))
		if fields := statFields(pid); err == nil && len(fields) > 3 && led[fields[3]] {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	return os.Remove(path)
}

// statFields are the fields of /proc/<pid>/stat from the third on (proc(5)):
// state, parent, group, session, ... None when the process has gone.
func statFields(pid int) []string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	return strings.Fields(rest)
}

// pid returns the id of the program, 0 when it does not run.
func (p process) pid() int {
	text, err := os.ReadFile(p.file())
	if err != nil {
		return 0
	}
	first, began, _ := strings.Cut(strings.TrimSpace(string(text)), " ")
	pid, err := strconv.Atoi(first)
	if err != nil {
		return 0
	}
	if now, err := beginning(pid); err != nil || now != began {
		return 0
	}
	return pid
}

// beginning is the start time of a process in clock ticks since boot, field 22
// of /proc/<pid>/stat (proc(5)); a zombie counts as gone.
func beginning(pid int) (string, error) {
	fields := statFields(pid)
	if len(fields) < 20 || fields[0] == "Z" {
		return "", errors.New("the process has ended")
	}
	return fields[19], nil
}

// stop asks the program to end, insists after the grace, and returns when it is
// gone.
func (p process) stop(ctx context.Context, sig syscall.Signal, grace time.Duration) error {
	pid := p.pid()
	if pid == 0 {
		return nil
	}
	_ = syscall.Kill(pid, sig)
	soft, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	if p.gone(soft) == nil {
		return os.Remove(p.file())
	}
	_ = syscall.Kill(pid, syscall.SIGKILL)
	if err := p.gone(ctx); err != nil {
		return fmt.Errorf("stopping %s (%d): %w", p.name, pid, err)
	}
	return os.Remove(p.file())
}

// gone waits until the program has ended.
func (p process) gone(ctx context.Context) error {
	return poll(ctx, 50*time.Millisecond, func() (bool, error) { return p.pid() == 0, nil })
}

// poll asks until the answer is yes, an error, or ctx ends.
func poll(ctx context.Context, every time.Duration, done func() (bool, error)) error {
	for {
		ok, err := done()
		if ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(every):
		}
	}
}
