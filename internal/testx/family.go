// SPDX-License-Identifier: MPL-2.0

package testx

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"syscall"
)

// relative is a process as it was seen. The start time tells it from a later
// one that got the same id.
type relative struct {
	pid, parent int
	started     string
}

// kill ends the process if it is still the same one.
func (r relative) kill() {
	if now, err := inspect(r.pid); err == nil && now.started == r.started {
		_ = syscall.Kill(r.pid, syscall.SIGKILL)
	}
}

// descendants returns the processes that pid and its children have started and
// that run now. Nomad puts each task into a session of its own, so that ending
// Nomad's process group does not reach them.
func descendants(pid int) []relative {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil
	}
	children := make(map[int][]relative)
	for _, stat := range stats {
		id, err := strconv.Atoi(filepath.Base(filepath.Dir(stat)))
		if err != nil {
			continue
		}
		if r, err := inspect(id); err == nil {
			children[r.parent] = append(children[r.parent], r)
		}
	}
	found := children[pid]
	for i := 0; i < len(found); i++ {
		found = append(found, children[found[i].pid]...)
	}
	return found
}

// inspect reads /proc/<pid>/stat, see proc_pid_stat(5). The name in it stands in
// parentheses and may hold anything.
func inspect(pid int) (relative, error) {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return relative{}, err
	}
	_, rest, ok := strings.Cut(string(content[strings.LastIndexByte(string(content), ')')+1:]), " ")
	fields := strings.Fields(rest)
	const parentField, startField = 1, 19 // counted from the state, the third of the file
	if !ok || len(fields) <= startField {
		return relative{}, fmt.Errorf("/proc/%d/stat is not as expected", pid)
	}
	parent, err := strconv.Atoi(fields[parentField])
	return relative{pid: pid, parent: parent, started: fields[startField]}, err
}

// unmount takes away what is mounted under a folder: Nomad mounts secrets
// there, and if it is killed nothing else takes them away.
func unmount(dir string) {
	content, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return
	}
	var points []string
	for line := range strings.Lines(string(content)) {
		fields := strings.Fields(line)
		if len(fields) > 4 && strings.HasPrefix(fields[4], dir+"/") {
			points = append(points, fields[4])
		}
	}
	// Deepest first.
	sort.Sort(sort.Reverse(sort.StringSlice(points)))
	for _, point := range points {
		_ = syscall.Unmount(point, syscall.MNT_DETACH)
	}
}
