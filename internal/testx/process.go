// SPDX-License-Identifier: MPL-2.0

package testx

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	startTimeout = 60 * time.Second
	stopTimeout  = 15 * time.Second
)

// process is a program that runs for one test.
type process struct {
	name string
	cmd  *exec.Cmd
	log  string
	done chan struct{} // closed when it has ended; err is set then
	err  error
}

// start runs a program in a group of its own, with death as what the kernel
// sends it if the test process dies.
func start(t testing.TB, death syscall.Signal, path string, args ...string) *process {
	t.Helper()
	p := &process{
		name: filepath.Base(path), cmd: exec.Command(path, args...),
		log: filepath.Join(t.TempDir(), "log"), done: make(chan struct{}),
	}
	output, err := os.Create(p.log)
	if err != nil {
		t.Fatalf("making the log of %s: %v", p.name, err)
	}
	defer output.Close()
	p.cmd.Stdout, p.cmd.Stderr = output, output
	p.cmd.Env = cleanEnvironment()
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: death}
	started := make(chan error)
	go func() {
		// The kernel sends Pdeathsig when the thread that started the program
		// ends, so that this thread must live as long as the program.
		runtime.LockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			p.err = p.cmd.Wait()
		}
		close(p.done)
	}()
	if err := <-started; err != nil {
		t.Fatalf("starting %s: %v", p.name, err)
	}
	return p
}

// cleanEnvironment leaves out what would point the programs to the developer's
// own cluster.
func cleanEnvironment() []string {
	var kept []string
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "VAULT_") && !strings.HasPrefix(variable, "CONSUL_") && !strings.HasPrefix(variable, "NOMAD_") {
			kept = append(kept, variable)
		}
	}
	return kept
}

// stop ends the program and everything that it has started: politely, then
// firmly.
func (p *process) stop(t testing.TB, polite syscall.Signal) {
	t.Helper()
	pid := p.cmd.Process.Pid
	// Found before the end: afterwards nothing tells whose children they were.
	family := descendants(pid)
	_ = syscall.Kill(pid, polite)
	select {
	case <-p.done:
	case <-time.After(stopTimeout):
		t.Logf("%s did not stop within %s and is killed", p.name, stopTimeout)
		family = append(family, descendants(pid)...)
	}
	_ = syscall.Kill(-pid, syscall.SIGKILL)
	for _, child := range family {
		child.kill()
	}
	<-p.done
	if t.Failed() {
		t.Logf("last words of %s:\n%s", p.name, p.tail())
	}
}

// tail returns the end of the program's output.
func (p *process) tail() string {
	content, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	const enough = 4000
	if len(content) > enough {
		content = content[len(content)-enough:]
	}
	return string(bytes.TrimSpace(content))
}

// await asks until ready says so, or the program has ended, or too long.
func (p *process) await(t testing.TB, ready func() error) {
	t.Helper()
	deadline := time.After(startTimeout)
	// There is no signal to wait for: the programs tell only when asked.
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ready()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-p.done:
			t.Fatalf("%s ended: %v\n%s", p.name, p.err, p.tail())
		case <-deadline:
			t.Fatalf("%s is not ready after %s: %v\n%s", p.name, startTimeout, err, p.tail())
		}
	}
}

// get fetches a small page and returns an error unless its status is 200.
func get(address string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return "", err
	}
	// A connection of its own: none may be left over for a leak check to find.
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return "", err
	}
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s: %s", address, response.Status)
	}
	return string(body), nil
}

// FreePorts returns n different TCP ports of 127.0.0.1 that nobody listened on a
// moment ago.
func FreePorts(t testing.TB, n int) []int {
	t.Helper()
	ports := make([]int, n)
	for i := range ports {
		// All are held until the last is found, or they might repeat.
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatalf("finding a free port: %v", err)
		}
		defer l.Close()
		ports[i] = l.Addr().(*net.TCPAddr).Port
	}
	return ports
}
