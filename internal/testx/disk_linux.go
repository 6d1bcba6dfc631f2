// SPDX-License-Identifier: MPL-2.0

package testx

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// SmallDisk mounts a file system of so much room, such as "64m", until the test
// ends, and returns its folder. Without root the test is skipped with the reason;
// where CI is true it fails.
func SmallDisk(t testing.TB, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("no small disk can be mounted, which this test needs root for: %v", err)
		}
		t.Skipf("no small disk can be mounted, which needs root: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	return dir
}
