// SPDX-License-Identifier: MPL-2.0

package testx

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// CPU returns the processor time that f takes on its own thread: what a promise
// about effort means, however busy the machine is. What f leaves to other
// goroutines is not in it.
func CPU(f func()) time.Duration {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before := usage(unix.RUSAGE_THREAD)
	f()
	return usage(unix.RUSAGE_THREAD) - before
}

func usage(who int) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(who, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// ProcessCPU returns the processor time that the whole process took so far, the
// collection of garbage included.
func ProcessCPU() time.Duration { return usage(unix.RUSAGE_SELF) }
