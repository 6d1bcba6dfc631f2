// SPDX-License-Identifier: MPL-2.0

package supervise

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/muster-ci/muster/internal/testx"
)

// TestLocalCopiesMakeWay has copies of a cache on the disk of a job, whose files
// leave no room for it beside them.
func TestLocalCopiesMakeWay(t *testing.T) {
	t.Parallel()
	disk := testx.SmallDisk(t, "64m")
	l := newLine(t)
	l.copies = filepath.Join(disk, "copies")
	if _, status, out := l.job(run("mkdir data; head -c 12582912 /dev/urandom > data/noise"), save("k", "data")); status != "success" {
		t.Fatalf("%s: %q", status, out)
	}
	if kept, err := filepath.Glob(l.copies + "/*/*"); err != nil || len(kept) == 0 {
		t.Fatalf("there are no copies: %v", err)
	}
	home := filepath.Join(disk, "home")
	_, status, out := l.jobIn(home, run("head -c 48000000 /dev/zero > fill"), restore("k"), run("stat -c %s data/noise"))
	if status != "success" {
		t.Fatalf("%s: %q", status, out)
	}
	says(t, out[1], "The disk is full: 12.0 MiB of local copies of caches and workspaces were given up.", "Unpacked")
	says(t, out[2], "12582912")
}

// TestCopiesLeaveRoom keeps no copies on a disk that others fill.
func TestCopiesLeaveRoom(t *testing.T) {
	t.Parallel()
	disk := testx.SmallDisk(t, "64m")
	must(t, os.WriteFile(filepath.Join(disk, "others"), make([]byte, 52<<20), 0o600))
	l := newLine(t)
	l.copies = filepath.Join(disk, "copies")
	if _, status, out := l.job(run("mkdir data; head -c 8388608 /dev/urandom > data/noise"), save("k", "data")); status != "success" {
		t.Fatalf("%s: %q", status, out)
	}
	if kept, err := filepath.Glob(l.copies + "/*/*"); err != nil || len(kept) != 0 {
		t.Errorf("copies were kept: %v, %v", kept, err)
	}
}
