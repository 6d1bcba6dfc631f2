// SPDX-License-Identifier: MPL-2.0

package usage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/wire"
)

// machine makes a tree of /proc and /sys of files by path.
func machine(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for path, text := range files {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

const netDev = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 9999       10    0    0    0     0          0         0     9999      10    0    0    0     0       0          0
  eth0:  1000       10    0    0    0     0          0         0      300      10    0    0    0     0       0          0
  eth1: 24       10    0    0    0     0          0         0      5      10    0    0    0     0       0          0
`

// stat is a line of /proc/<pid>/stat with times in ticks.
func stat(pid int, name string, parent, user, system, childUser, childSystem int) string {
	return fmt.Sprintf("%d (%s) S %d 1 1 0 -1 4194304 1 2 3 4 %d %d %d %d 20 0 1 0 100 1000 50\n", pid, name, parent, user, system, childUser, childSystem)
}

func TestWhatContainersAndProcessesTell(t *testing.T) {
	t.Parallel()
	page := int64(os.Getpagesize())
	tree := map[string]string{
		"proc/1/stat": stat(1, "init", 0, 900, 900, 900, 900), "proc/1/statm": "9 9 0 0 0 0 0\n",
		"proc/50/stat": stat(50, "muster-agent", 1, 500, 500, 3, 4), "proc/50/statm": "9 9 0 0 0 0 0\n",
		"proc/51/stat": stat(51, "sh) R (x", 50, 10, 20, 5, 6), "proc/51/statm": "100 30 10 0 0 0 0\n",
		"proc/52/stat": stat(52, "child", 51, 1, 1, 0, 0), "proc/52/statm": "100 5 1 0 0 0 0\n",
		"proc/60/stat": stat(60, "somebody else", 1, 70, 70, 0, 0), "proc/60/statm": "9 9 0 0 0 0 0\n",
		"proc/self/net/dev": netDev, "proc/uptime": "1 2\n",
	}
	for name, c := range map[string]struct {
		files     map[string]string
		container bool
		want      Reading
	}{
		"version 2, in a container": {map[string]string{
			"proc/self/cgroup": "0::/\n", "proc/self/net/dev": netDev,
			"sys/fs/cgroup/cpu.stat":       "usage_usec 2500000\nuser_usec 2000000\n",
			"sys/fs/cgroup/memory.current": "1000000\n", "sys/fs/cgroup/memory.stat": "anon 5\nfile 7\ninactive_file 400000\n",
		}, true, Reading{CPU: 2500 * time.Millisecond, Memory: 600000, NetworkIn: 1024, NetworkOut: 305}},
		"version 2, seen from outside": {map[string]string{
			"proc/self/cgroup":                        "0::/nomad/task\n",
			"sys/fs/cgroup/nomad/task/cpu.stat":       "usage_usec 7\n",
			"sys/fs/cgroup/cpu.stat":                  "usage_usec 99999\n",
			"sys/fs/cgroup/nomad/task/memory.current": "10\n", "sys/fs/cgroup/nomad/task/memory.stat": "inactive_file 40\n",
		}, true, Reading{CPU: 7 * time.Microsecond}},
		"version 1": {map[string]string{
			"proc/self/cgroup":                           "12:cpu,cpuacct:/docker/abc\n5:memory:/docker/abc\n1:name=systemd:/x\n",
			"sys/fs/cgroup/cpu,cpuacct/cpuacct.usage":    "3000000000\n",
			"sys/fs/cgroup/memory/memory.usage_in_bytes": "5000\n",
			"sys/fs/cgroup/memory/memory.stat":           "inactive_file 1\ntotal_inactive_file 2000\n",
			"sys/fs/cgroup/cpuset/nothing":               "",
		}, true, Reading{CPU: 3 * time.Second, Memory: 3000}},
		"processes":                     {tree, false, Reading{CPU: 50 * tick, Memory: 24 * page}},
		"a container without its files": {tree, true, Reading{CPU: 50 * tick, Memory: 24 * page, NetworkIn: 1024, NetworkOut: 305}},
		"nothing at all":                {map[string]string{"proc/x": ""}, true, Reading{}},
	} {
		got := newMeter(machine(t, c.files), c.container, "/nowhere", 50).Read()
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestTheRealMachine burns some CPU in a process of ours, and reads it.
func TestTheRealMachine(t *testing.T) {
	t.Parallel()
	meter := NewMeter(false, t.TempDir())
	before := meter.Read()
	if err := exec.Command("/bin/sh", "-c", "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done").Run(); err != nil {
		t.Fatal(err)
	}
	after := meter.Read()
	if after.CPU <= before.CPU {
		t.Errorf("got %s of CPU before and %s after", before.CPU, after.CPU)
	}
	if after.Disk == 0 {
		t.Error("nothing is known of the disk")
	}
	if after.NetworkIn != 0 {
		t.Error("the network of the whole machine counts as the build's")
	}
}

// clock is one that a test moves.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func TestSamplesAreToldNowAndThen(t *testing.T) {
	t.Parallel()
	c := &clock{at: time.Unix(1000, 0)}
	r := Reading{CPU: time.Hour, Memory: 7, Disk: 100, NetworkIn: 50}
	var told []wire.Usage
	limit := core.UsageLimit{Name: "large", Cores: 4}
	taken := make(chan struct{}, 1) // a reading, the last that a sample looks at
	s := NewSampler(func() Reading {
		defer func() { taken <- struct{}{} }()
		return r
	}, c.now, limit, func(u wire.Usage) error {
		told = append(told, u)
		return nil
	})
	<-taken
	ctx, cancel := context.WithCancel(t.Context())
	ticks, done := make(chan time.Time), make(chan error)
	go func() { done <- s.Run(ctx, ticks) }()
	for i := range perEvent + 1 {
		c.at = c.at.Add(Interval)
		r.CPU += 10 * time.Second
		r.Memory, r.Disk, r.NetworkIn = int64(i), 100+int64(i), 50+int64(i)
		ticks <- c.at
		<-taken
	}
	c.at = c.at.Add(Interval / 5)
	r.CPU += time.Second / 2
	r.Disk = 20
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	want := []wire.Usage{
		{Interval: Interval, CPU: []float64{2, 2, 2, 2, 2, 2}, Memory: []int64{0, 1, 2, 3, 4, 5}, Disk: []int64{0, 1, 2, 3, 4, 5}, NetworkIn: 5, Class: limit},
		{Interval: Interval, CPU: []float64{2, 0.5}, Memory: []int64{6, 6}, Disk: []int64{6, 0}, NetworkIn: 6, Class: limit},
	}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestASamplerEndsWhenNobodyListens(t *testing.T) {
	t.Parallel()
	c := &clock{at: time.Unix(1000, 0)}
	s := NewSampler(func() Reading { return Reading{} }, c.now, core.UsageLimit{}, func(wire.Usage) error { return errors.New("given up") })
	ctx, cancel := context.WithCancel(t.Context())
	c.at = c.at.Add(time.Second)
	cancel()
	if err := s.Run(ctx, nil); err == nil {
		t.Error("got no error")
	}
}

// BenchmarkRead is what a sample costs, every five seconds.
func BenchmarkRead(b *testing.B) {
	for name, container := range map[string]bool{"processes": false, "container": true} {
		b.Run(name, func(b *testing.B) {
			meter := NewMeter(container, "/")
			for b.Loop() {
				meter.Read()
			}
		})
	}
}
