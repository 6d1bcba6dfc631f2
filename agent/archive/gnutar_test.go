// SPDX-License-Identifier: MPL-2.0

package archive

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/muster-ci/muster/agent/tree"
	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/sealed"
)

// TestPartsAreATarWithZstd: the opened parts one after the other are one stream
// of zstd, as the programs have it, and that is a tar to GNU tar.
func TestPartsAreATarWithZstd(t *testing.T) {
	t.Parallel()
	b := newBench(t, quick())
	from, to := t.TempDir(), t.TempDir()
	contents := map[string][]byte{"text": text(2_500_000), "noise": noise(300_000), "folder/empty": {}}
	for name, content := range contents {
		must(t, os.MkdirAll(filepath.Dir(filepath.Join(from, name)), 0o755))
		must(t, os.WriteFile(filepath.Join(from, name), content, 0o644))
	}
	holes, err := os.Create(filepath.Join(from, "folder/holes"))
	must(t, err)
	_, err = holes.WriteAt([]byte("end"), 8<<20)
	must(t, err)
	must(t, holes.Close())
	w, err := b.Create(t.Context(), core.ArchiveWorkspace, 1, "")
	must(t, err)
	defer w.Abort()
	must(t, tree.Pack(t.Context(), w, []tree.Root{{Path: from}}, tree.PackOptions{}))
	_, err = w.Commit(t.Context(), 0, nil)
	must(t, err)

	parts := b.openParts(t)
	decoder, err := zstd.NewReader(bytes.NewReader(parts))
	must(t, err)
	defer decoder.Close()
	plain, err := io.ReadAll(decoder)
	must(t, err)
	if program, err := exec.LookPath("zstd"); err != nil {
		t.Log("not compared: there is no program zstd here")
	} else if got := pipe(t, parts, program, "-dqc"); !bytes.Equal(got, plain) {
		t.Errorf("the program zstd makes %d bytes of it and the library %d", len(got), len(plain))
	}
	names := strings.Fields(string(pipe(t, plain, "tar", "-tf", "-")))
	slices.Sort(names)
	if diff := cmp.Diff([]string{"./", "folder/", "folder/empty", "folder/holes", "noise", "text"}, names); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	pipe(t, plain, "tar", "-xf", "-", "-C", to)
	contents["folder/holes"] = append(make([]byte, 8<<20), "end"...)
	for name, content := range contents {
		if got, err := os.ReadFile(filepath.Join(to, name)); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%s: %d bytes of %d, %v", name, len(got), len(content), err)
		}
	}
}

// openParts returns the plain parts of the last archive, one after the other.
func (b *bench) openParts(t *testing.T) []byte {
	t.Helper()
	found := b.last().Found()
	box, err := sealed.New(found.Secret)
	must(t, err)
	if len(found.Parts) < 2 {
		t.Fatalf("%d parts are too few for this test", len(found.Parts))
	}
	var all []byte
	for number := range found.Parts {
		b.server.Objects.Change(fmt.Sprintf("%s/%d", found.ID, number), func(stored []byte) []byte {
			plain, err := box.Open(nil, number, stored)
			must(t, err)
			all = append(all, plain...)
			return stored
		})
	}
	return all
}

// pipe runs a program that may say nothing but its output.
func pipe(t *testing.T, in []byte, program string, args ...string) []byte {
	t.Helper()
	var out, complaints bytes.Buffer
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(in), &out, &complaints
	if err := cmd.Run(); err != nil || complaints.Len() > 0 {
		t.Fatalf("%s %v: %v: %s", program, args, err, &complaints)
	}
	return out.Bytes()
}
