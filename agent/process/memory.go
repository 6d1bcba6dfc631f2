// SPDX-License-Identifier: MPL-2.0

package process

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// MemoryKills counts the processes that the kernel has killed in our control
// group because its memory was used up; 0 where the kernel does not tell. In a
// container the group is mounted as the root of the hierarchy, elsewhere it is
// below (cgroups(7)).
func MemoryKills() int64 {
	groups, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(groups)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) != 3 {
			continue
		}
		root, file := "/sys/fs/cgroup", "memory.events"
		if fields[1] != "" {
			root, file = "/sys/fs/cgroup/memory", "memory.oom_control"
		}
		if fields[1] != "" && fields[1] != "memory" {
			continue
		}
		for _, dir := range []string{filepath.Join(root, fields[2]), root} {
			if n, ok := oomKills(filepath.Join(dir, file)); ok {
				return n
			}
		}
	}
	return 0
}

// oomKills reads the line "oom_kill N", which both versions of control groups
// have.
func oomKills(path string) (int64, bool) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, false
	}
	for line := range bytes.Lines(text) {
		if rest, ok := bytes.CutPrefix(line, []byte("oom_kill ")); ok {
			n, err := strconv.ParseInt(string(bytes.TrimSpace(rest)), 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}
