// SPDX-License-Identifier: MPL-2.0

package process_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/muster-ci/muster/agent/process"
)

// enduring is this test binary as a process that endures: it answers each line.
const enduring = "MUSTER_TEST_ENDURES"

func TestMain(m *testing.M) {
	if os.Getenv(enduring) == "" {
		os.Exit(m.Run())
	}
	process.Endure()
	fmt.Println("ready")
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		// A child of the process takes signals as always.
		out, err := exec.Command("sh", "-c", "kill -"+lines.Text()+" $$; echo still here").Output()
		fmt.Printf("alive %q %v\n", out, err != nil)
	}
}

// TestEndure sends every signal that ends a process, but those by which clients
// stop the agent and those that nothing can hold off.
func TestEndure(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), self)
	child.Env = append(os.Environ(), enduring+"=1")
	in, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	answers := bufio.NewReader(out)
	answer := func() string {
		line, err := answers.ReadString('\n')
		if err != nil {
			t.Fatalf("it has ended: %v", err)
		}
		return strings.TrimSpace(line)
	}
	if got := answer(); got != "ready" {
		t.Fatalf("got %q", got)
	}
	for number := syscall.Signal(1); number < 32; number++ {
		switch number {
		case syscall.SIGKILL, syscall.SIGSTOP, syscall.SIGTERM, syscall.SIGINT, syscall.SIGPROF:
			continue
		}
		if err := child.Process.Signal(number); err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Fprintln(in, "QUIT"); err != nil {
			t.Fatalf("after %v: %v", number, err)
		}
		if got := answer(); got != `alive "" true` {
			t.Errorf("after %v: got %s, want that a child still ends by SIGQUIT", number, got)
		}
	}
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	if err := child.Wait(); err != nil {
		t.Errorf("its end: %v", err)
	}
}
