// SPDX-License-Identifier: MPL-2.0

//go:build !linux

package testx

import "time"

// CPU returns how long f takes: other systems do not tell a thread's processor
// time in the same way.
func CPU(f func()) time.Duration {
	start := time.Now()
	f()
	return time.Since(start)
}

// ProcessCPU returns the time since some moment.
func ProcessCPU() time.Duration { return time.Since(begun) }

var begun = time.Now()
