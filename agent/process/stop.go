// SPDX-License-Identifier: MPL-2.0

package process

import (
	"bytes"
	"os"
	"strconv"
	"syscall"
	"time"
)

// The pause between two looks at whether processes have gone grows from first
// to later; the kernel tells nobody when a whole session has ended.
const (
	firstLook = 5 * time.Millisecond
	laterLook = 100 * time.Millisecond
)

// hopeless is how long after the first SIGKILL a process is given up: one that
// hangs in the kernel, on a dead network disk, heeds no signal at all.
const hopeless = 5 * time.Second

// Stop ends the command's whole session: SIGTERM, and SIGKILL for what is left
// after grace. It returns when nothing of the session lives; Wait must be
// running in another goroutine.
func (p *Process) Stop(grace time.Duration) {
	stop(func() []int { return p.members() }, grace)
}

// members are the processes of the session. The leader counts only as long as
// it has not been waited for, since its number may be someone else's after.
func (p *Process) members() []int {
	var pids []int
	for _, s := range snapshot() {
		if s.session == p.pid && !s.zombie {
			pids = append(pids, s.pid)
		}
	}
	return pids
}

// StopAll ends every descendant of this process, also those that left the
// session of the command which started them. It relies on Harden: orphans
// become children of this process and so remain its descendants.
func StopAll(grace time.Duration) {
	stop(func() []int { return descendants(os.Getpid()) }, grace)
}

// stop signals what alive returns, again and again, since a process may start
// further ones between two looks.
func stop(alive func() []int, grace time.Duration) {
	deadline := time.Now().Add(grace)
	asked := make(map[int]bool)
	for look := firstLook; ; look = min(2*look, laterLook) {
		pids := alive()
		late := time.Since(deadline)
		if len(pids) == 0 || late > hopeless {
			return
		}
		firm := late >= 0
		for _, pid := range pids {
			switch {
			case firm:
				syscall.Kill(pid, syscall.SIGKILL)
			case !asked[pid]:
				asked[pid] = true
				syscall.Kill(pid, syscall.SIGTERM)
				syscall.Kill(pid, syscall.SIGCONT) // a stopped process heeds nothing else
			}
		}
		time.Sleep(look)
	}
}

func descendants(root int) []int {
	children := make(map[int][]status)
	for _, s := range snapshot() {
		children[s.parent] = append(children[s.parent], s)
	}
	var pids []int
	next := []int{root}
	for len(next) > 0 {
		parent := next[0]
		next = next[1:]
		for _, s := range children[parent] {
			next = append(next, s.pid)
			if !s.zombie {
				pids = append(pids, s.pid)
			}
		}
	}
	return pids
}

// status is a line of /proc/<pid>/stat.
type status struct {
	pid, parent, session int
	zombie               bool
}

func snapshot() []status {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil
	}
	var all []status
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		if s, ok := readStatus(pid); ok {
			all = append(all, s)
		}
	}
	return all
}

// readStatus parses "pid (name) state parent group session ...". The name may
// hold anything, so the fields are counted from its last parenthesis.
func readStatus(pid int) (status, bool) {
	line, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return status{}, false
	}
	end := bytes.LastIndexByte(line, ')')
	if end < 0 {
		return status{}, false
	}
	fields := bytes.Fields(line[end+1:])
	if len(fields) < 4 {
		return status{}, false
	}
	parent, err1 := strconv.Atoi(string(fields[1]))
	session, err2 := strconv.Atoi(string(fields[3]))
	if err1 != nil || err2 != nil {
		return status{}, false
	}
	state := fields[0][0]
	return status{pid: pid, parent: parent, session: session, zombie: state == 'Z' || state == 'X'}, true
}
