// SPDX-License-Identifier: MPL-2.0

package process

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Harden makes this process the reaper of all its descendants, and closes its
// memory to other processes of the same user: a build that is not root can
// neither trace the agent nor read its environment.
func Harden() error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("becoming child subreaper: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("closing the agent's memory to others: %w", err)
	}
	return nil
}

// siginfoPID reads si_pid of a SIGCHLD, which x/sys keeps in an opaque union:
// on 64-bit Linux it follows three ints and their padding.
func siginfoPID(info *unix.Siginfo) int {
	return int(*(*int32)(unsafe.Add(unsafe.Pointer(info), 16)))
}
