// SPDX-License-Identifier: MPL-2.0

//go:build !linux

package testx

import (
	"runtime"
	"runtime/debug"
)

// PeakMemory returns what the Go runtime has of the system, which it rarely
// gives back: other systems do not tell a peak in the same way.
func PeakMemory() int64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.Sys)
}

// ForgetPeak gives back the memory that is not in use.
func ForgetPeak() { debug.FreeOSMemory() }
