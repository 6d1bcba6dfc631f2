// SPDX-License-Identifier: MPL-2.0

package e2e_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// bringing is a config of a job that keeps a folder as cache and workspace and
// of one that brings both back to places that outlive its attempts, as those of
// machines do. %[1]s is the folder of all of it.
const bringing = `version: 2.1
jobs:
  keep:
    machine: true
    steps:
      - run:
          name: Make
          command: |
            echo keep >> %[1]s/ledger
            mkdir -p %[1]s/cache/data/deep && cd %[1]s/cache
            head -c 40000000 /dev/urandom > data/noise
            for i in $(seq 100); do echo "$i" > data/deep/$i; done
            ln data/deep/1 data/hard
            ln -s ../../neighbor data/out
            chmod 500 data/deep
            find . -type f -print0 | sort -z | xargs -0 sha256sum > %[1]s/sums
            find . | sort > %[1]s/names
      - save_cache: { name: Save, key: v1, paths: [%[1]s/cache] }
      - persist_to_workspace: { name: Persist, root: %[1]s/cache, paths: [.] }
      - run: { name: Clear, command: chmod 700 %[1]s/cache/data/deep && rm -r %[1]s/cache/data/* }
  use:
    machine: true
    steps:
      - run: { name: Begin, command: echo use >> %[1]s/ledger; echo $PPID > %[1]s/agent }
      - restore_cache: { name: Restore, keys: [v1] }
      - run: { name: Compare, command: cd %[1]s/cache && sha256sum --quiet -c ../sums && find . | sort | diff ../names - && echo alike }
      - attach_workspace: { name: Attach, at: %[1]s/workspace }
      - run: { name: Compare again, command: cd %[1]s/workspace && sha256sum --quiet -c ../sums && find . | sort | diff ../names - && echo alike }
workflows:
  main:
    jobs:
      - keep
      - use: { requires: [keep] }
`

// TestEmbeddedAgentKilledInRestore kills agents when half of a large file has
// been restored, first from a cache and then from a workspace. The next attempt
// begins again over what is there and ends well; no step has gone on with half a
// file, and nothing beside the folders has changed.
func TestEmbeddedAgentKilledInRestore(t *testing.T) {
	t.Parallel()
	o := newOutage(t, "")
	ground := filepath.Join(o.dir, "ground")
	for _, name := range []string{"cache/data", "workspace/data"} {
		if err := os.MkdirAll(filepath.Join(ground, name), 0o755); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.Chmod(filepath.Join(ground, name, "deep"), 0o755) })
	}
	if err := os.WriteFile(filepath.Join(ground, "neighbor"), []byte("as it was"), 0o600); err != nil {
		t.Fatal(err)
	}
	kills := &kills{t: t, ground: ground, left: []string{"cache", "workspace"}}
	o.faults.set(kills.decide)
	slug := o.Project(t, "killed")
	end := o.AwaitEnd(t, o.Trigger(t, slug, fmt.Sprintf(bringing, ground)))
	use := end.Job(t, "use")
	if use.Status != "success" {
		t.Errorf("got %s (%s), want success", use.Status, use.Reason)
	}
	if ledger, err := os.ReadFile(filepath.Join(ground, "ledger")); err != nil || string(ledger) != "keep\nuse\nuse\nuse\n" {
		t.Errorf("got the runs %q, %v", ledger, err)
	}
	o.checkAttempts(t, use.ID, []map[string]string{
		{"Begin": "success", "Restore": "infrastructure_fail"},
		{"Begin": "success", "Restore": "success", "Compare": "success", "Attach": "infrastructure_fail"},
		{"Begin": "success", "Restore": "success", "Compare": "success", "Attach": "success", "Compare again": "success"},
	})
	o.says(t, end, "use", "Compare", "alike")
	o.says(t, end, "use", "Compare again", "alike")
	if text, err := os.ReadFile(filepath.Join(ground, "neighbor")); err != nil || string(text) != "as it was" {
		t.Errorf("what the link leads to holds %q, %v", text, err)
	}
	if diff := beside(t, ground); diff != "agent cache ledger names neighbor sums workspace" {
		t.Errorf("beside the folders there is now: %s", diff)
	}
}

// beside lists what is in a folder.
func beside(t *testing.T, folder string) string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

// checkAttempts asks for the attempts of a job's only task and for the status of
// each of their named steps; those that are not named were not begun.
func (o *outage) checkAttempts(t *testing.T, job string, want []map[string]string) {
	t.Helper()
	steps, err := o.Platform.Client.JobSteps(t.Context(), job)
	if err != nil || len(steps.Tasks) != 1 || len(steps.Tasks[0].Attempts) != len(want) {
		t.Fatalf("got %+v, %v, want %d attempts", steps, err, len(want))
	}
	for n, attempt := range steps.Tasks[0].Attempts {
		t.Logf("attempt %d: %s", n+1, attempt.Reason)
		got := map[string]string{}
		for _, s := range attempt.Steps {
			got[s.Name] = s.Status
		}
		for _, name := range []string{"Begin", "Restore", "Compare", "Attach", "Compare again"} {
			if got[name] != want[n][name] {
				t.Errorf("%s of attempt %d: got %q, want %q", name, n+1, got[name], want[n][name])
			}
		}
	}
}

// kills has an agent killed in the midst of each restore that is left.
type kills struct {
	t      *testing.T
	ground string

	mu   sync.Mutex
	left []string // folders that are restored to
	done string   // the archive that the last kill was of
}

// decide lets the first part of an archive pass, which is not all of the file.
// When another is asked for, an agent is to be killed, once for each archive.
func (k *kills) decide(r *http.Request, _ int) fault {
	k.mu.Lock()
	defer k.mu.Unlock()
	archive, part := path.Split(r.URL.Query().Get("obj"))
	if !toObjects(r) || r.Method != http.MethodGet || part == "0" || len(k.left) == 0 || archive == k.done {
		return nil
	}
	folder := filepath.Join(k.ground, k.left[0], "data")
	k.left, k.done = k.left[1:], archive
	written, err := watch(folder, "noise")
	if err != nil {
		k.t.Errorf("watching %s: %v", folder, err)
		return nil
	}
	return func(f *faulty, w http.ResponseWriter, r *http.Request, pass http.HandlerFunc) {
		defer written.Close()
		if err := written.wait(r, filepath.Join(folder, "noise")); err != nil {
			k.t.Errorf("waiting for half a file in %s: %v", folder, err)
			breakOff()
		}
		k.kill()
		if info, err := os.Stat(filepath.Join(folder, "noise")); err != nil || info.Size() == 0 || info.Size() >= 40_000_000 {
			k.t.Errorf("the agent was not killed in the midst of the file: %+v, %v", info, err)
		}
		breakOff()
	}
}

func (k *kills) kill() {
	var agent int
	text, err := os.ReadFile(filepath.Join(k.ground, "agent"))
	if _, scanErr := fmt.Sscan(string(text), &agent); err != nil || scanErr != nil {
		k.t.Errorf("reading who is to be killed: %v, %v", err, scanErr)
		return
	}
	if err := syscall.Kill(agent, syscall.SIGKILL); err != nil {
		k.t.Errorf("killing %d: %v", agent, err)
	}
}

// watched tells of writes to a file.
type watched struct {
	*os.File
	name string // in its folder
}

// watch begins to watch a folder for a file of that name.
func watch(folder, name string) (*watched, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, err
	}
	w := &watched{os.NewFile(uintptr(fd), "inotify"), name}
	if _, err := unix.InotifyAddWatch(fd, folder, unix.IN_MODIFY); err != nil {
		return nil, fmt.Errorf("%w, and %v", err, w.Close())
	}
	return w, nil
}

// wait returns when something is in the file, or who asks has gone.
func (w *watched) wait(r *http.Request, file string) error {
	if info, err := os.Stat(file); err == nil && info.Size() > 0 {
		return nil // before it was watched
	}
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		select {
		case <-r.Context().Done():
			w.Close()
		case <-stop:
		}
	}()
	events := make([]byte, 64<<10)
	for {
		n, err := w.Read(events)
		if err != nil {
			return err
		}
		for rest := events[:n]; len(rest) >= unix.SizeofInotifyEvent; {
			length := int(binary.NativeEndian.Uint32(rest[12:]))
			name := rest[unix.SizeofInotifyEvent : unix.SizeofInotifyEvent+length]
			if string(bytes.TrimRight(name, "\x00")) == w.name {
				return nil
			}
			rest = rest[unix.SizeofInotifyEvent+length:]
		}
	}
}
