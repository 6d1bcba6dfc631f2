// SPDX-License-Identifier: MPL-2.0

package testx

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestNomadTakesJobs(t *testing.T) {
	t.Parallel()
	address := Nomad(t, `region = "testland"`)
	regions, err := get(address + "/v1/regions")
	if err != nil || !strings.Contains(regions, "testland") {
		t.Fatalf("got regions %q, %v; want the one of the extra settings", regions, err)
	}
}

func TestConsulAnswers(t *testing.T) {
	t.Parallel()
	if services, err := get("http://" + Consul(t) + "/v1/catalog/services"); err != nil || !strings.Contains(services, "consul") {
		t.Fatalf("got services %q, %v", services, err)
	}
}

// TestStopEndsTheWholeFamily has a grandchild that left the process group and
// ignores polite signals, as tasks of Nomad do.
func TestStopEndsTheWholeFamily(t *testing.T) {
	t.Parallel()
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, syscall.SIGKILL, sh, "-c", `setsid sh -c 'trap "" TERM INT HUP; while :; do sleep 60; done' & wait`)
	var family []relative
	p.await(t, func() error {
		family = descendants(p.cmd.Process.Pid)
		if len(family) < 2 {
			return exec.ErrNotFound
		}
		return nil
	})
	p.stop(t, syscall.SIGTERM)
	for _, r := range family {
		if now, err := inspect(r.pid); err == nil && now.started == r.started && !ended(r.pid) {
			t.Errorf("process %d is left over", r.pid)
		}
	}
}

// ended waits a moment for the kernel to be done with a killed process; a zombie
// that waits for init counts as ended.
func ended(pid int) bool {
	deadline := time.Now().Add(5 * time.Second)
	for time.Now().Before(deadline) {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil || strings.Contains(string(stat), ") Z ") {
			return true
		}
		runtime.Gosched()
	}
	return false
}
