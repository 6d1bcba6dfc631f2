// SPDX-License-Identifier: MPL-2.0

package testx

import (
	"fmt"
	"os"
	"runtime/debug"
	"strings"
)

// PeakMemory returns the most bytes of memory that this process has had since it
// began or since ForgetPeak, as the kernel counts them.
func PeakMemory() int64 {
	status, _ := os.ReadFile("/proc/self/status")
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	kib := int64(0)
	_, _ = fmt.Sscan(rest, &kib)
	return kib << 10
}

// ForgetPeak gives back the memory that is not in use, and makes the peak what
// there is now.
func ForgetPeak() {
	debug.FreeOSMemory()
	_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0)
}
