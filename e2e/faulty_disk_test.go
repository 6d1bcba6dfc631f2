// SPDX-License-Identifier: MPL-2.0

package e2e_test

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/muster-ci/muster/internal/wire"
)

// smallDisk is what a shell does to have a file system of its own at a folder,
// which nobody else sees and which goes with the last process on it.
func smallDisk(t *testing.T, folder, size string) string {
	t.Helper()
	try := exec.Command("unshare", "--mount", "mount", "-t", "tmpfs", "-o", "size="+size, "tmpfs", t.TempDir())
	if out, err := try.CombinedOutput(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("no small disk can be mounted, which this test needs root for: %v: %s", err, out)
		}
		t.Skipf("no small disk can be mounted, which needs root: %v: %s", err, out)
	}
	return fmt.Sprintf(`if [ -z "$SMALL_DISK" ]; then
  export SMALL_DISK=1
  exec unshare --mount --propagation private "$0" "$@"
fi
mkdir -p %[1]s
mount -t tmpfs -o size=%[2]s,mode=700 tmpfs %[1]s
cd "$HOME"
`, folder, size)
}

// TestEmbeddedSpoolOnAFullDisk has agents keep output on a disk of 2 MiB while
// the platform takes none of it. The step waits, and once the platform is back
// every byte of it arrives, once.
func TestEmbeddedSpoolOnAFullDisk(t *testing.T) {
	t.Parallel()
	o := newOutage(t, smallDisk(t, `"$HOME/../small"`, "2m")+`export MUSTER_SPOOL_DIR="$HOME/../small"`)
	o.checkBackPressure(t)
}

// TestEmbeddedSpoolAtItsBound is the same where the disk has room and the spool
// its bound.
func TestEmbeddedSpoolAtItsBound(t *testing.T) {
	t.Parallel()
	newOutage(t, "", "MUSTER_SPOOL_BYTES=1500000").checkBackPressure(t)
}

// checkBackPressure has a step print ten times what the spool holds while output
// is away, in a job with a limit on silence that is shorter than the outage.
func (o *outage) checkBackPressure(t *testing.T) {
	t.Helper()
	const lines = 400_000
	held, wrote := filepath.Join(o.dir, "held"), filepath.Join(o.dir, "wrote")
	o.faults.set(func(r *http.Request, _ int) fault {
		if r.URL.Path == wire.PathFrames || r.URL.Path == wire.PathHeartbeat {
			if _, err := os.Stat(held); err == nil {
				return gone
			}
		}
		return nil
	})
	id := o.Trigger(t, o.Project(t, "spool"), fmt.Sprintf(`version: 2.1
jobs:
  build:
    machine: true
    steps:
      - run:
          name: Known output
          no_output_timeout: 4s
          command: |
            touch %s
            seq -f '%%.0f is a line of output whose every byte is known' 1 %d
            touch %s
      - run: echo after
workflows:
  main:
    jobs: [build]
`, held, lines, wrote))
	frames := "POST " + wire.PathFrames + " "
	first := 0
	o.faults.until(t, "output to be away", func() bool { first = o.faults.tries[frames]; return len(o.faults.passed) > 0 && exists(held) })
	// The agent tries less and less often: so many tries take about 12 seconds.
	o.faults.until(t, "the agent to go on trying", func() bool { return o.faults.tries[frames] >= first+10 })
	if exists(wrote) {
		t.Error("the step has written all: nothing made it wait")
	}
	if err := os.Remove(held); err != nil {
		t.Fatal(err)
	}
	end := o.AwaitEnd(t, id)
	build := end.Job(t, "build")
	if build.Status != "success" {
		t.Errorf("got %s (%s)", build.Status, build.Reason)
	}
	want := sha256.New()
	for i := range lines {
		fmt.Fprintf(want, "%d is a line of output whose every byte is known\n", i+1)
	}
	out := o.step(t, end, "build", "Known output")
	if got := sha256.Sum256([]byte(out)); string(got[:]) != string(want.Sum(nil)) {
		t.Errorf("the output differs: %d bytes, ends in %q", len(out), out[max(0, len(out)-200):])
	}
	if got := o.step(t, end, "build", "echo after"); got != "after\n" {
		t.Errorf("got %q", got)
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// fullDisk is a config whose second job has a disk that is too small for what
// the first one kept.
const fullDisk = `version: 2.1
jobs:
  keep:
    machine: true
    steps:
      - run: mkdir data && head -c 20000000 /dev/urandom > data/noise
      - save_cache: { key: v1, paths: [data] }
      - persist_to_workspace: { root: ., paths: [data] }
  use:
    machine: true
    steps:
      - run: { name: Fill, command: head -c 22000000 /dev/zero > fill && echo filled }
      - restore_cache: { name: Restore, keys: [v1] }
      - run: { name: Goes on, command: echo goes on > small && cat small }
      - attach_workspace: { name: Attach, at: ~/workspace }
      - run: { name: Not reached, command: echo no }
      - run: { name: Afterwards, when: always, command: cat small }
      - store_artifacts: { name: Artifacts, path: small }
  over:
    machine: true
    steps:
      - run: { name: Fill, command: mkdir -p ~/workspace && head -c 22000000 /dev/zero > ~/workspace/fill && echo filled }
      - attach_workspace: { name: Attach, at: ~/workspace }
      - run: { name: Cannot start, when: always, command: echo cannot start }
  space:
    machine: true
    steps:
      - run: { name: Fill, command: head -c 22000000 /dev/zero > fill && rm fill && echo filled }
      - restore_cache: { name: Restore, keys: [v1] }
      - run: { name: Compare, command: test "$(stat -c %s data/noise)" = 20000000 }
workflows:
  main:
    jobs:
      - keep
      - use: { requires: [keep] }
      - over: { requires: [keep] }
      - space: { requires: [keep] }
`

// TestEmbeddedFullDisk runs jobs on a disk of 36 MiB. A cache that has no room
// is left out before it fills the disk, a workspace fails its step, each with the
// disk's name and the way out; what was done before stays.
func TestEmbeddedFullDisk(t *testing.T) {
	t.Parallel()
	o := newOutage(t, smallDisk(t, `"$HOME"`, "36m")+`mkdir -p "$HOME/tmp"; export TMPDIR="$HOME/tmp"`)
	slug := o.Project(t, "disk")
	end := o.AwaitEnd(t, o.Trigger(t, slug, fullDisk))
	for job, status := range map[string]string{"keep": "success", "use": "failed", "over": "failed", "space": "success"} {
		if got := end.Job(t, job); got.Status != status {
			t.Errorf("%s: got %s (%s), want %s", job, got.Status, got.Reason, status)
		}
	}
	const needs, wayOut = "it needs 19.1 MiB on the disk at /", "make room in an earlier step, choose a resource class with more disk"
	o.says(t, end, "use", "Restore", "Warning: the cache was not restored", needs, "of 36.0 MiB are free", wayOut)
	o.says(t, end, "use", "Goes on", "goes on\n")
	o.says(t, end, "use", "Attach", "Error attaching the workspace: ", needs, wayOut)
	if reason := end.Job(t, "use").Reason; !strings.Contains(reason, needs) {
		t.Errorf("use: got the reason %q", reason)
	}
	o.says(t, end, "use", "Afterwards", "goes on\n")
	if items, err := o.Platform.Client.Artifacts(t.Context(), slug, end.Job(t, "use").JobNumber); err != nil || len(items) != 1 {
		t.Errorf("got the artifacts %+v, %v", items, err)
	}
	o.says(t, end, "over", "Fill", "filled\n")
	o.says(t, end, "over", "Attach", "data/noise cannot be written: ", "no space left on device", " on the disk at /", "of 36.0 MiB are free", wayOut)
	o.says(t, end, "space", "Fill", "filled\n")
}
