// SPDX-License-Identifier: MPL-2.0

package process

import "os"

// maxAncestors bounds the way up; a process tree is never this deep.
const maxAncestors = 1000

// Descends tells whether a process is this one or descends from it. Orphans of
// the build do as well, since Harden makes this process their next ancestor.
// known is false when /proc does not tell.
func Descends(pid int) (known, descends bool) {
	self := os.Getpid()
	for range maxAncestors {
		if pid == self {
			return true, true
		}
		s, ok := readStatus(pid)
		if !ok {
			// One that has ended meanwhile is not known either; where we can read
			// ourselves, that is a no.
			_, readable := readStatus(self)
			return readable, false
		}
		if s.parent <= 0 {
			return true, false
		}
		pid = s.parent
	}
	return true, false
}
