// SPDX-License-Identifier: MPL-2.0

package tree

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// meddler changes files once the first bytes of the tar have come.
type meddler struct {
	bytes.Buffer
	once   sync.Once
	meddle func()
}

func (m *meddler) Write(p []byte) (int, error) {
	m.once.Do(m.meddle)
	return m.Buffer.Write(p)
}

// TestFilesThatChangeWhileTheyAreRead: each is packed with the length that it
// had, as GNU tar does it, and the tar is whole.
func TestFilesThatChangeWhileTheyAreRead(t *testing.T) {
	t.Parallel()
	was := strings.Repeat("0123456789abcdef", 1<<16) // more than a pipe and a buffer hold
	for name, c := range map[string]struct {
		meddle func(at string) error
		note   string
		alike  bool // the whole content is told by when it changed
	}{
		"grows":    {func(at string) error { return appendTo(at, "more") }, "changed while it was read", true},
		"shrinks":  {func(at string) error { return os.Truncate(at, 900_000) }, "became shorter", true},
		"empties":  {func(at string) error { return os.Truncate(at, 0) }, "became shorter", false},
		"vanishes": {os.Remove, "", true},
		"replaced": {func(at string) error {
			return os.Rename(filepath.Join(filepath.Dir(at), "other"), at)
		}, "", true},
		"touched": {func(at string) error { return os.Chtimes(at, time.Time{}, time.Unix(5, 0)) }, "changed while it was read", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := func() (string, string) {
				dir := t.TempDir()
				write(t, filepath.Join(dir, "changing"), was)
				write(t, filepath.Join(dir, "other"), "another")
				return dir, filepath.Join(dir, "changing")
			}
			var notes []string
			dir, at := folder()
			// The header is written before the content is read.
			out := &meddler{meddle: func() { must(t, c.meddle(at)) }}
			must(t, Pack(t.Context(), out, []Root{{Path: dir, Only: []string{"changing"}}},
				PackOptions{Note: func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }}))
			to := t.TempDir()
			must(t, Unpack(t.Context(), &out.Buffer, UnpackOptions{Root: to}))
			ours, err := os.ReadFile(filepath.Join(to, "changing"))
			must(t, err)
			dir, at = folder()
			theirs := tarOfChanging(t, dir, func() { must(t, c.meddle(at)) })
			if len(ours) != len(was) || len(theirs) != len(was) || c.alike && string(ours) != theirs {
				t.Errorf("got %d bytes and with GNU tar %d, want %d", len(ours), len(theirs), len(was))
			}
			if all := strings.Join(notes, "\n"); (len(notes) > 0) != (c.note != "") || len(notes) > 1 || !strings.Contains(all, c.note) {
				t.Errorf("notes: %q, want %q", notes, c.note)
			}
		})
	}
}

func appendTo(at, text string) error {
	f, err := os.OpenFile(at, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString(text)
	return err
}

// tarOfChanging has GNU tar pack the file while a change is made, which is after
// its header has come: it waits for its pipe to be read then. It returns the
// content that GNU tar unpacks.
func tarOfChanging(t *testing.T, dir string, meddle func()) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "tar", "-C", dir, "-cf", "-", "changing")
	pipe, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	first := make([]byte, blockSize)
	_, err = io.ReadFull(pipe, first)
	must(t, err)
	meddle()
	rest, err := io.ReadAll(pipe)
	must(t, err)
	if err := cmd.Wait(); err != nil && cmd.ProcessState.ExitCode() != 1 { // 1: it changed
		t.Fatal(err)
	}
	out, complaints, err := gnuTar(t, append(first, rest...), "-xOf", "-")
	if err != nil {
		t.Fatalf("%v: %s", err, complaints)
	}
	return string(out)
}

// TestUnreadable runs as nobody, to whom files can be unreadable: packing names
// the first and fails, where GNU tar leaves it out and ends with 2. What is not
// whole is not to be kept.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	if os.Geteuid() == 0 {
		cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run=^TestUnreadable$", "-test.v")
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		cmd.Env, cmd.Dir = append(os.Environ(), "HOME=/", "TMPDIR=/tmp"), "/"
		if out, err := cmd.CombinedOutput(); err != nil || !bytes.Contains(out, []byte("--- PASS: TestUnreadable")) {
			t.Errorf("as nobody: %v\n%s", err, out)
		}
		return
	}
	for _, name := range []string{"file", "folder"} {
		dir := t.TempDir()
		at := filepath.Join(dir, name)
		if name == "file" {
			write(t, at, "x")
		} else {
			must(t, os.Mkdir(at, 0o755))
		}
		must(t, os.Chmod(at, 0))
		err := Pack(t.Context(), io.Discard, []Root{{Path: dir}}, PackOptions{})
		if err == nil || !strings.Contains(err.Error(), at+" cannot be read: permission denied") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
