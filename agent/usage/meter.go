// SPDX-License-Identifier: MPL-2.0

package usage

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Reading is the state of the counters at one moment. CPU and network only ever
// grow.
type Reading struct {
	CPU        time.Duration
	Memory     int64
	NetworkIn  int64
	NetworkOut int64
	Disk       int64 // bytes in use on the file system
}

// Meter reads the counters.
type Meter struct {
	root  string // of /proc and /sys
	disk  string // a folder on the file system that counts
	group func() (cpu time.Duration, memory int64, err error)
	own   bool // the network namespace is the build's
	self  int
}

// NewMeter returns a Meter of a container's own control group and network, or of
// the processes that descend from this one. disk is a folder that the build
// writes to. Where the files of the control group cannot be read the processes
// count instead.
func NewMeter(container bool, disk string) *Meter {
	return newMeter("/", container, disk, os.Getpid())
}

func newMeter(root string, container bool, disk string, self int) *Meter {
	m := &Meter{root: root, disk: disk, own: container, self: self}
	if container {
		for _, group := range []func() (time.Duration, int64, error){m.unified, m.legacy} {
			if _, _, err := group(); err == nil {
				m.group = group
				return m
			}
		}
	}
	m.group = m.tree
	return m
}

// Read returns the counters. What cannot be read is 0.
func (m *Meter) Read() Reading {
	var r Reading
	if cpu, memory, err := m.group(); err == nil {
		r.CPU, r.Memory = cpu, memory
	}
	if m.own {
		r.NetworkIn, r.NetworkOut = m.network()
	}
	var fs unix.Statfs_t
	if unix.Statfs(m.disk, &fs) == nil {
		r.Disk = int64(fs.Blocks-fs.Bfree) * int64(fs.Bsize)
	}
	return r
}

var errNotThere = errors.New("there is no such counter")

// unified reads version 2 of control groups.
func (m *Meter) unified() (time.Duration, int64, error) {
	dir, err := m.groupDir("", "cpu.stat", "")
	if err != nil {
		return 0, 0, err
	}
	used, err := field(filepath.Join(dir, "cpu.stat"), "usage_usec")
	if err != nil {
		return 0, 0, err
	}
	memory, err := number(filepath.Join(dir, "memory.current"))
	if err != nil {
		return 0, 0, err
	}
	cache, err := field(filepath.Join(dir, "memory.stat"), "inactive_file")
	return time.Duration(used) * time.Microsecond, max(0, memory-cache), err
}

// legacy reads version 1.
func (m *Meter) legacy() (time.Duration, int64, error) {
	dir, err := m.groupDir("cpuacct", "cpuacct.usage", "cpuacct", "cpu,cpuacct", "cpuacct,cpu")
	if err != nil {
		return 0, 0, err
	}
	used, err := number(filepath.Join(dir, "cpuacct.usage"))
	if err != nil {
		return 0, 0, err
	}
	if dir, err = m.groupDir("memory", "memory.usage_in_bytes", "memory"); err != nil {
		return 0, 0, err
	}
	memory, err := number(filepath.Join(dir, "memory.usage_in_bytes"))
	if err != nil {
		return 0, 0, err
	}
	cache, err := field(filepath.Join(dir, "memory.stat"), "total_inactive_file")
	return time.Duration(used), max(0, memory-cache), err
}

// groupDir finds the folder of our group that has a file: below one of the
// mounts, or the mount itself, which is what a container sees (cgroups(7)). ""
// is the controller of version 2.
func (m *Meter) groupDir(controller, file string, mounts ...string) (string, error) {
	groups, err := os.ReadFile(filepath.Join(m.root, "proc/self/cgroup"))
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(groups)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) != 3 || !hasController(fields[1], controller) {
			continue
		}
		for _, mount := range mounts {
			top := filepath.Join(m.root, "sys/fs/cgroup", mount)
			for _, dir := range []string{filepath.Join(top, fields[2]), top} {
				if _, err := os.Stat(filepath.Join(dir, file)); err == nil {
					return dir, nil
				}
			}
		}
	}
	return "", errNotThere
}

func hasController(list, controller string) bool {
	for name := range strings.SplitSeq(list, ",") {
		if name == controller {
			return true
		}
	}
	return false
}

// network sums up the interfaces of the namespace, without the loopback.
func (m *Meter) network() (in, out int64) {
	text, err := os.ReadFile(filepath.Join(m.root, "proc/self/net/dev"))
	if err != nil {
		return 0, 0
	}
	for line := range bytes.Lines(text) {
		name, counters, found := bytes.Cut(line, []byte(":"))
		fields := bytes.Fields(counters)
		if !found || len(fields) < 9 || string(bytes.TrimSpace(name)) == "lo" {
			continue
		}
		in += parse(fields[0])
		out += parse(fields[8])
	}
	return in, out
}

func parse(text []byte) int64 {
	n, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// number reads a file that holds one.
func number(path string) (int64, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
}

// field reads the line "name N" of a file.
func field(path, name string) (int64, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(text) {
		if rest, ok := bytes.CutPrefix(line, []byte(name+" ")); ok {
			return strconv.ParseInt(string(bytes.TrimSpace(rest)), 10, 64)
		}
	}
	return 0, errNotThere
}
