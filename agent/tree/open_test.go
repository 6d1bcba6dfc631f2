// SPDX-License-Identifier: MPL-2.0

package tree_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/muster-ci/muster/agent/tree"
)

func TestOpen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.WriteFile(in("file"), []byte("content"), 0o600))
	must(os.Symlink("file", in("link")))
	must(unix.Mkfifo(in("pipe"), 0o600))
	must(os.Symlink("/proc/self/environ", in("environ.xml")))
	must(os.Symlink("/proc/self", in("self")))
	for _, name := range []string{"file", "link"} {
		file, info, err := tree.Open(in(name))
		must(err)
		content, err := io.ReadAll(file)
		if string(content) != "content" || err != nil || info.Size() != 7 {
			t.Errorf("%s: got %q of %d bytes, %v", name, content, info.Size(), err)
		}
		must(file.Close())
	}
	for _, path := range []string{
		in("pipe"), dir, in("environ.xml"), in("self/environ"), in("self/maps"), in("self/mem"), in("self/status"),
		"/proc/self/environ", "/proc/self/mem", "/proc/thread-self/environ", "/dev/null",
	} {
		if file, _, err := tree.Open(path); !errors.Is(err, tree.ErrNoFile) {
			t.Errorf("%s: got %v, %v; want none", path, file, err)
		}
	}
	if _, _, err := tree.Open(in("nothing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what is not there: got %v", err)
	}
}
