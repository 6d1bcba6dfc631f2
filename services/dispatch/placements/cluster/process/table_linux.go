// SPDX-License-Identifier: MPL-2.0

package process

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// startOf returns what tells a process from another one that gets the same id
// later: the boot, and the clock tick of its start. "" when there is none, or
// only its corpse.
func startOf(pid int) string {
	state, _, start := stat(pid)
	if start == "" || state == "Z" || state == "X" {
		return ""
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(boot)) + "/" + start
}

// stat reads what is needed of /proc/<pid>/stat. The name of the program, in
// parentheses, may hold anything, so counting begins after the last one.
func stat(pid int) (state string, parent int, start string) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return "", 0, ""
	}
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(fields) < 20 {
		return "", 0, ""
	}
	parent, _ = strconv.Atoi(fields[1])
	return fields[0], parent, fields[19]
}

func processes() []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var pids []int
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil && pid != os.Getpid() {
			pids = append(pids, pid)
		}
	}
	return pids
}

// membersOf returns all processes that belong to a run: descendants of its
// agent, and what names its folder in its environment or stands in it, which
// finds those whose parents have died.
func membersOf(leader int, folder string) []int {
	pids := processes()
	parents := make(map[int]int, len(pids))
	for _, pid := range pids {
		_, parents[pid], _ = stat(pid)
	}
	var members []int
	for _, pid := range pids {
		if leader != 0 && descends(pid, leader, parents) || belongs(pid, folder) {
			members = append(members, pid)
		}
	}
	return members
}

func descends(pid, ancestor int, parents map[int]int) bool {
	for depth := 0; pid > 1 && depth < 1000; depth++ {
		if pid == ancestor {
			return true
		}
		pid = parents[pid]
	}
	return false
}

func belongs(pid int, folder string) bool {
	proc := "/proc/" + strconv.Itoa(pid)
	if env, err := os.ReadFile(proc + "/environ"); err == nil && bytes.Contains(env, []byte("="+folder+"/")) {
		return true
	}
	cwd, err := os.Readlink(proc + "/cwd")
	return err == nil && (cwd == folder || strings.HasPrefix(cwd, folder+"/"))
}

// leaderIn returns the agent that was started for a folder, 0 when there is
// none.
func leaderIn(folder string) int {
	for _, pid := range processes() {
		env, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
		if err == nil && bytes.Contains(env, []byte("MUSTER_IDENTITY_FILE="+filepath.Join(folder, identityFile)+"\x00")) {
			return pid
		}
	}
	return 0
}
