// SPDX-License-Identifier: MPL-2.0

package usage

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// tick is the unit of times in /proc, which is this on every Linux that Go runs
// on (time(7), USER_HZ).
const tick = 10 * time.Millisecond

// statLine is what counts of /proc/<pid>/stat, in ticks. The children are those
// that have ended and been waited for.
type statLine struct {
	parent         int
	own, childrens int64
}

// tree sums up the processes that descend from ours, and the CPU time of those
// that have ended: it goes on to the parent that waited, at last to us.
func (m *Meter) tree() (time.Duration, int64, error) {
	names, err := os.ReadDir(filepath.Join(m.root, "proc"))
	if err != nil {
		return 0, 0, err
	}
	lines := make(map[int]statLine, len(names))
	children := make(map[int][]int, len(names))
	for _, entry := range names {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		if line, ok := m.statLine(pid); ok {
			lines[pid] = line
			children[line.parent] = append(children[line.parent], pid)
		}
	}
	self, ok := lines[m.self]
	if !ok {
		return 0, 0, errNotThere
	}
	ticks, memory := self.childrens, int64(0)
	for next := children[m.self]; len(next) > 0; next = next[1:] {
		pid := next[0]
		ticks += lines[pid].own + lines[pid].childrens
		memory += m.private(pid)
		next = append(next, children[pid]...)
	}
	return time.Duration(ticks) * tick, memory, nil
}

// statLine parses "pid (name) state parent ...". The name may hold anything, so
// the fields are counted from its last parenthesis.
func (m *Meter) statLine(pid int) (statLine, bool) {
	text, err := os.ReadFile(filepath.Join(m.root, "proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return statLine{}, false
	}
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	if len(fields) < 15 {
		return statLine{}, false
	}
	return statLine{
		parent:    int(parse(fields[1])),
		own:       parse(fields[11]) + parse(fields[12]),
		childrens: parse(fields[13]) + parse(fields[14]),
	}, true
}

// private is the memory of a process that it shares with no file and no other
// process, so that libraries do not count once a process.
func (m *Meter) private(pid int) int64 {
	text, err := os.ReadFile(filepath.Join(m.root, "proc", strconv.Itoa(pid), "statm"))
	if err != nil {
		return 0
	}
	fields := bytes.Fields(text)
	if len(fields) < 3 {
		return 0
	}
	return max(0, parse(fields[1])-parse(fields[2])) * int64(os.Getpagesize())
}
