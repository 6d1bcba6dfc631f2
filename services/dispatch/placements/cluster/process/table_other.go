// SPDX-License-Identifier: MPL-2.0

//go:build unix && !linux

package process

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// Systems without a /proc are asked through ps(1), which all of them have. The
// environment of processes cannot be read everywhere, so what has lost its
// parent may stay behind there.

// startOf returns what tells a process from another one that gets the same id
// later; "" when there is none, or only its corpse.
func startOf(pid int) string {
	out, err := exec.Command("ps", "-o", "stat=,lstart=", "-p", strconv.Itoa(pid)).Output()
	state, start, _ := strings.Cut(strings.TrimSpace(string(out)), " ")
	if err != nil || strings.HasPrefix(state, "Z") {
		return ""
	}
	return strings.TrimSpace(start)
}

// membersOf returns the agent of a run and its descendants.
func membersOf(leader int, _ string) []int {
	out, err := exec.Command("ps", "-axo", "pid=,ppid=").Output()
	if err != nil || leader == 0 {
		return nil
	}
	members := []int{leader}
	known := map[int]bool{leader: true}
	// Parents can come after their children in the list; look until nothing is new.
	for grown := true; grown; {
		grown = false
		for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
			f := strings.Fields(lines.Text())
			if len(f) != 2 {
				continue
			}
			pid, _ := strconv.Atoi(f[0])
			parent, _ := strconv.Atoi(f[1])
			if known[parent] && !known[pid] && pid != os.Getpid() {
				known[pid], grown = true, true
				members = append(members, pid)
			}
		}
	}
	return members
}

// leaderIn returns the agent that was started for a folder, as far as ps shows
// environments.
func leaderIn(folder string) int {
	out, err := exec.Command("ps", "-axEo", "pid=,command=").Output()
	if err != nil {
		return 0
	}
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		if strings.Contains(lines.Text(), "MUSTER_IDENTITY_FILE="+filepath.Join(folder, identityFile)) {
			pid, _ := strconv.Atoi(strings.Fields(lines.Text())[0])
			return pid
		}
	}
	return 0
}
