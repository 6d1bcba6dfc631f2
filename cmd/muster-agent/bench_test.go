// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/muster-ci/muster/agent/agenttest"
	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/wire"
)

// resident returns how much memory the agent occupies, in KiB.
func (b *fixture) resident() int {
	b.t.Helper()
	status, err := os.ReadFile("/proc/" + strconv.Itoa(b.cmd.Process.Pid) + "/status")
	if err != nil {
		b.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	kib, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		b.t.Fatal(err)
	}
	return kib
}

// processor returns the processor time of the agent without its children.
func (b *fixture) processor() time.Duration {
	b.t.Helper()
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(b.cmd.Process.Pid) + "/stat")
	if err != nil {
		b.t.Fatal(err)
	}
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	ticks := 0
	for _, field := range fields[11:13] { // utime and stime, of 10 ms each
		n, err := strconv.Atoi(string(field))
		if err != nil {
			b.t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// BenchmarkAgent measures the released binary: its size, its memory while a
// step sleeps, and the share of a processor that it takes while a step writes
// 1 MB/s in lines, with ten secrets to look for.
func BenchmarkAgent(b *testing.B) {
	binary := filepath.Join(b.TempDir(), "muster-agent")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	info, err := os.Stat(binary)
	if err != nil {
		b.Fatal(err)
	}
	const seconds = 5
	claimed := task(sh(`while [ ! -e ../go ]; do sleep 0.02; done
line='2026-08-21T10:11:12Z INFO request finished method=GET path=/api/v2/me status=200 took=1.2ms, and so on and on'
yes "$line" | head -c 100000 > chunk || true
for i in $(seq ` + strconv.Itoa(seconds*10) + `); do cat chunk; sleep 0.098; done
while [ ! -e ../end ]; do sleep 0.02; done`))
	for i := range 10 {
		claimed.Secrets = append(claimed.Secrets, core.EnvVar{Name: "SECRET_" + strconv.Itoa(i), Value: strings.Repeat(strconv.Itoa(i)+"secret", 4)})
	}
	for b.Loop() {
		s := agenttest.New(b, claimed, wire.Limits{Heartbeat: 100 * time.Millisecond})
		f := launch(b, []string{binary}, s)
		f.until("quiet", func() bool { return s.Heartbeats() >= 3 })
		idle, before := f.resident(), f.processor()
		touch(b, filepath.Join(f.home, "go"))
		begin := time.Now()
		// The last line is not complete; masking may hold the end of it back.
		f.until("the output", func() bool { return len(s.Output(first)) >= seconds*1000000-100 })
		share := float64(f.processor()-before) / float64(time.Since(begin))
		touch(b, filepath.Join(f.home, "end"))
		f.wait()
		b.ReportMetric(float64(idle)/1024, "idle-MiB")
		b.ReportMetric(share*100, "%cpu-at-1MB/s")
	}
	b.ReportMetric(float64(info.Size())/(1<<20), "binary-MiB")
}

func touch(t testing.TB, path string) {
	t.Helper()
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
}
