// SPDX-License-Identifier: MPL-2.0

package process_test

import (
	"bytes"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/muster-ci/muster/agent/process"
)

// buffer is written by a process's goroutine and read by the test.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
	says chan struct{} // closed when something has come
}

func newBuffer() *buffer { return &buffer{says: make(chan struct{})} }

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.text.Len() == 0 {
		close(b.says)
	}
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func start(t *testing.T, terminal bool, command string) (*process.Process, *buffer) {
	t.Helper()
	out := newBuffer()
	p, err := process.NewTable().Start(process.Command{
		Args: []string{"sh", "-c", command}, Env: os.Environ(), Dir: t.TempDir(), Terminal: terminal, Out: out})
	if err != nil {
		t.Fatal(err)
	}
	return p, out
}

func TestExitStatusAndOutput(t *testing.T) {
	t.Parallel()
	for _, terminal := range []bool{false, true} {
		for command, want := range map[string]struct {
			status int
			out    string
		}{
			"printf 'a\\r\\nb\\n'; exit 3":                {3, "a\r\nb\n"},
			"kill -9 $$":                                  {137, ""},
			"echo out; echo err >&2":                      {0, "out\nerr\n"},
			"head -c 300000 /dev/zero | tr '\\0' x":       {0, strings.Repeat("x", 300000)},
			"test -t 1 && echo terminal || echo pipe":     {0, map[bool]string{true: "terminal\n", false: "pipe\n"}[terminal]},
			"trap '' HUP; (sleep 60; echo late) & echo x": {0, "x\n"},
		} {
			p, out := start(t, terminal, command)
			got, err := p.Wait()
			if err != nil || got != want.status || out.String() != want.out {
				t.Errorf("terminal %v: %q: got %d, %v, %.80q; want %d, %.80q", terminal, command, got, err, out, want.status, want.out)
			}
			p.Stop(0)
		}
	}
}

func TestStopIsPoliteThenFirm(t *testing.T) {
	t.Parallel()
	for command, want := range map[string]int{
		"trap 'exit 4' TERM; echo up; while :; do sleep 0.02; done":            4,
		"trap '' TERM; echo up; while :; do sleep 0.02; done":                  137,
		"(trap '' TERM; echo up; while :; do sleep 0.02; done) & wait; exit 5": 143,
	} {
		p, out := start(t, true, command)
		status := make(chan int, 1)
		go func() {
			got, err := p.Wait()
			if err != nil {
				t.Error(err)
			}
			status <- got
		}()
		<-out.says
		p.Stop(300 * time.Millisecond)
		if got := <-status; got != want {
			t.Errorf("%q: got %d, want %d", command, got, want)
		}
	}
}

func TestOutputThatNobodyTakesFailsTheWait(t *testing.T) {
	t.Parallel()
	p, err := process.NewTable().Start(process.Command{Args: []string{"sh", "-c", "head -c 1000000 /dev/zero"},
		Env: os.Environ(), Out: refusing{}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Wait(); err == nil || !strings.Contains(err.Error(), "taking the command's output") {
		t.Errorf("got %v", err)
	}
}

type refusing struct{}

func (refusing) Write([]byte) (int, error) { return 0, syscall.EIO }

func TestTheProgramIsFoundInTheCommandsOwnPath(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/hello", []byte("#!/bin/sh\necho hello\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if process.LookPath("hello", os.Environ()) || !process.LookPath("hello", []string{"PATH=/nowhere:" + dir}) {
		t.Error("the wrong PATH was searched")
	}
	_, err := process.NewTable().Start(process.Command{Args: []string{"hello"}, Env: os.Environ()})
	if err == nil || !strings.Contains(err.Error(), exec.ErrNotFound.Error()) {
		t.Errorf("got %v", err)
	}
}

func TestGetenv(t *testing.T) {
	t.Parallel()
	if got := process.Getenv([]string{"A=1", "AB=2", "A=3"}, "A"); got != "3" {
		t.Errorf("got %q", got)
	}
}

// TestNothingOfASessionIsLeft has a step leave processes in groups of their
// own, which a signal to one group would miss.
func TestNothingOfASessionIsLeft(t *testing.T) {
	t.Parallel()
	p, out := start(t, true, "set -m; sleep 1000 & sleep 1000 & echo $!; wait")
	go p.Wait()
	<-out.says
	p.Stop(5 * time.Second)
	pid, err := strconv.Atoi(strings.TrimSpace(out.String()))
	if err != nil {
		t.Fatal(err)
	}
	if stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat"); err == nil && !strings.Contains(string(stat), ") Z ") {
		t.Errorf("process %d is alive: %s", pid, stat)
	}
}
