// SPDX-License-Identifier: MPL-2.0

package process

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Table knows the processes that this agent started, so that its reaper can
// tell them (their owners wait for them) from orphans that the kernel handed
// to it (nobody else does).
type Table struct {
	poke chan struct{} // wakes the reaper after an owner has waited

	mu  sync.Mutex // held over fork and registration, so no child is unknown
	own map[int]bool
}

// NewTable returns an empty one.
func NewTable() *Table {
	return &Table{poke: make(chan struct{}, 1), own: make(map[int]bool)}
}

// Reap collects orphans until ctx ends. An agent that is PID 1 of a container
// or a child subreaper must run it; tests that share their process with other
// users of os/exec must not.
func (t *Table) Reap(ctx context.Context) {
	died := make(chan os.Signal, 1)
	signal.Notify(died, syscall.SIGCHLD)
	defer signal.Stop(died)
	for {
		for t.reapOne() {
		}
		select {
		case <-ctx.Done():
			return
		case <-died:
		case <-t.poke:
		}
	}
}

// reapOne collects one orphan and tells whether another look is worthwhile.
// It looks before it takes: a child with an owner is left where it is, which
// hides later ones until the owner has waited and pokes us.
func (t *Table) reapOne() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	var info unix.Siginfo
	err := unix.Waitid(unix.P_ALL, 0, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
	pid := siginfoPID(&info)
	if err != nil || pid == 0 || t.own[pid] {
		return false
	}
	_, err = unix.Wait4(pid, nil, unix.WNOHANG, nil)
	return err == nil
}

func (t *Table) forget(pid int) {
	t.mu.Lock()
	delete(t.own, pid)
	t.mu.Unlock()
	select {
	case t.poke <- struct{}{}:
	default:
	}
}
