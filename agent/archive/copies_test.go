// SPDX-License-Identifier: MPL-2.0

package archive

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/testx"
	"github.com/muster-ci/muster/internal/wire"
)

// withCopies is a store whose copies are in a folder.
func withCopies(t *testing.T, dir string) (*bench, Config) {
	t.Helper()
	cfg := quick()
	cfg.CopiesDir = dir
	return newBench(t, cfg), cfg
}

// kept is a cache that has been saved.
func (b *bench) kept(t *testing.T, data []byte) wire.FoundArchive {
	t.Helper()
	if _, err := keep(t, b.Store, core.ArchiveCache, "k", data); err != nil {
		t.Fatal(err)
	}
	return b.last().Found()
}

// requestsFor counts what the object store is asked while f runs.
func (b *bench) requestsFor(f func()) int {
	before, _ := b.server.Objects.Requests()
	f()
	after, _ := b.server.Objects.Requests()
	return after - before
}

// comesBack fetches an archive and compares it.
func (b *bench) comesBack(t *testing.T, s *Store, found wire.FoundArchive, data []byte) {
	t.Helper()
	if got, err := fetch(t, s, found); err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes came back of %d: %v", len(got), len(data), err)
	}
}

// TestCopies: saved parts are at hand, and another agent of the client asks the
// store for none.
func TestCopies(t *testing.T) {
	t.Parallel()
	b, cfg := withCopies(t, filepath.Join(t.TempDir(), "copies"))
	data := noise(950_000)
	found := b.kept(t, data)
	if n := b.requestsFor(func() { b.comesBack(t, b.open(t, cfg), found, data) }); n != 0 {
		t.Errorf("%d requests for what is here", n)
	}
}

// TestOnlyWhatIsReadAgainIsCopied: no job reads artifacts or test results.
func TestOnlyWhatIsReadAgainIsCopied(t *testing.T) {
	t.Parallel()
	b, _ := withCopies(t, t.TempDir())
	for kind, want := range map[core.ArchiveKind]bool{core.ArchiveCache: true, core.ArchiveWorkspace: true,
		core.ArchiveArtifacts: false, core.ArchiveTestResults: false} {
		before, _ := b.copies.list()
		if _, err := keep(t, b.Store, kind, string(kind), noise(1000)); err != nil {
			t.Fatal(err)
		}
		if after, _ := b.copies.list(); (len(after) > len(before)) != want {
			t.Errorf("%s: %d copies, then %d", kind, len(before), len(after))
		}
	}
}

// TestHostileCopies: whatever a build leaves in the place of a copy, the next
// one gets what was kept, no later than without a copy, and nothing happens
// outside of the folder.
func TestHostileCopies(t *testing.T) {
	t.Parallel()
	for name, plant := range map[string]func(path, outside string) error{
		"other bytes": func(path, _ string) error {
			file, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			_, err = file.WriteAt([]byte("poison"), 4711)
			return errors.Join(err, file.Close())
		},
		"fewer bytes": func(path, _ string) error { return os.Truncate(path, 7) },
		"more bytes":  func(path, _ string) error { return os.Truncate(path, 1<<40) },
		"a pipe":      func(path, _ string) error { return errors.Join(os.Remove(path), unix.Mkfifo(path, 0o666)) },
		"a folder":    func(path, _ string) error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o777)) },
		"a link":      func(path, outside string) error { return errors.Join(os.Remove(path), os.Symlink(outside, path)) },
		"linked above": func(path, outside string) error {
			return swap(path, func(dir string) error { return os.Symlink(outside, dir) })
		},
		"a pipe above": func(path, _ string) error {
			return swap(path, func(dir string) error { return unix.Mkfifo(dir, 0o666) })
		},
		"a file above": func(path, _ string) error {
			return swap(path, func(dir string) error { return os.WriteFile(dir, nil, 0o666) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, outside := t.TempDir(), t.TempDir()
			b, cfg := withCopies(t, dir)
			data := noise(350_000)
			found := b.kept(t, data)
			secret := filepath.Join(outside, filepath.Base(nameOf(found.Parts[2].SHA256)))
			if err := os.WriteFile(secret, []byte("of the client"), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := plant(filepath.Join(dir, nameOf(found.Parts[2].SHA256)), outside); err != nil {
				t.Fatal(err)
			}
			s := b.open(t, cfg)
			for _, want := range []int{1, 0} { // there is a copy again the next time
				if n := b.requestsFor(func() { b.comesBack(t, s, found, data) }); n != want {
					t.Errorf("%d requests, want %d", n, want)
				}
			}
			s.copies.trim(1 << 40)
			got, err := os.ReadDir(outside)
			if text, _ := os.ReadFile(secret); err != nil || len(got) != 1 || string(text) != "of the client" {
				t.Errorf("outside: got %v and %q, %v", got, text, err)
			}
		})
	}
}

// swap puts something else in the place of the folder of a copy.
func swap(path string, plant func(dir string) error) error {
	dir := filepath.Dir(path)
	return errors.Join(os.RemoveAll(dir), plant(dir))
}

// TestADamagedCopyIsReplaced: the next one is spared the way.
func TestADamagedCopyIsReplaced(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b, _ := withCopies(t, dir)
	data := noise(350_000)
	found := b.kept(t, data)
	if err := os.WriteFile(filepath.Join(dir, nameOf(found.Parts[1].SHA256)), []byte("garbled"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{1, 0} {
		if n := b.requestsFor(func() { b.comesBack(t, b.Store, found, data) }); n != want {
			t.Errorf("%d requests, want %d", n, want)
		}
	}
}

func TestCopiesAreBounded(t *testing.T) {
	t.Parallel()
	cfg := quick()
	cfg.CopiesDir, cfg.CopiesBytes = t.TempDir(), 450_000
	b := newBench(t, cfg)
	var done sync.WaitGroup
	for i := range 4 {
		s := b.open(t, cfg)
		done.Go(func() {
			if _, err := keep(t, s, core.ArchiveWorkspace, "", noise(300_000+i)); err != nil {
				t.Error(err)
			}
		})
	}
	done.Wait()
	b.copies.trim(0)
	if files, total := b.copies.list(); total > cfg.CopiesBytes || len(files) < 3 {
		t.Errorf("%d copies of %d bytes are left", len(files), total)
	}
	for _, a := range b.server.Archives() {
		found := a.Found()
		if _, err := fetch(t, b.Store, found); err != nil {
			t.Error(err)
		}
	}
}

// TestTheUselessGoFirst: the copies that stay are those that were read, and no
// date that a build sets keeps one for ever.
func TestTheUselessGoFirst(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b, _ := withCopies(t, dir)
	found := b.kept(t, noise(350_000))
	path := func(part int) string { return filepath.Join(dir, nameOf(found.Parts[part].SHA256)) }
	for part, age := range []time.Duration{3 * time.Hour, 2 * time.Hour, time.Hour, -1000 * time.Hour} {
		at := time.Now().Add(-age)
		if err := os.Chtimes(path(part), at, at); err != nil {
			t.Fatal(err)
		}
	}
	first := found.Parts[0]
	if _, here := b.copies.read(first.SHA256, first.Size, make([]byte, 0, first.Size)); !here {
		t.Fatal("the first copy is not here")
	}
	b.copies.trim(found.Parts[3].Size + 1)
	for part, gone := range []bool{false, true, false, true} {
		if missing(path(part)) != gone {
			t.Errorf("copy %d: gone is %t, want %t", part, !gone, gone)
		}
	}
}

func missing(path string) bool {
	_, err := os.Stat(path)
	return err != nil
}

// TestWhatIsNotOursGoes: what builds leave beside the copies takes up the client
// for an hour at most.
func TestWhatIsNotOursGoes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b, _ := withCopies(t, dir)
	found := b.kept(t, noise(50_000))
	old := time.Now().Add(-2 * time.Hour)
	deep := "junk"
	for range 2 * mostDepth {
		deep += "/d"
	}
	if err := os.MkdirAll(filepath.Join(dir, deep), 0o777); err != nil {
		t.Fatal(err)
	}
	for name, at := range map[string]time.Time{deep + "/file": old, "big": old, "for ever": old.Add(1e6 * time.Hour),
		"young": time.Now(), "ab/x": old, "junk": old} {
		path := filepath.Join(dir, name)
		os.Mkdir(filepath.Dir(path), 0o777)
		if name != "junk" {
			if err := os.WriteFile(path, nil, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	lost := filepath.Join(dir, lostFound)
	if err := errors.Join(os.Mkdir(lost, 0o700), os.Chtimes(lost, old, old), os.Chtimes(filepath.Join(dir, "junk"), old, old)); err != nil {
		t.Fatal(err)
	}
	b.copies.trim(0)
	got := map[string]bool{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		got[e.Name()] = true
	}
	for name, want := range map[string]bool{lostFound: true, "young": true, "big": false, "for ever": false, "junk": false, found.Parts[0].SHA256[:2]: true} {
		if got[name] != want {
			t.Errorf("%s: here is %t, want %t", name, got[name], want)
		}
	}
	if !missing(filepath.Join(dir, "ab", "x")) {
		t.Error("what lies among copies and is none has stayed")
	}
}

// TestCopiesOnASmallDisk: with less room than the copies may take the oldest go,
// and the newest are kept all the same.
func TestCopiesOnASmallDisk(t *testing.T) {
	t.Parallel()
	dir := testx.SmallDisk(t, "512k")
	b, _ := withCopies(t, dir)
	for range 5 {
		if _, err := keep(t, b.Store, core.ArchiveWorkspace, "", noise(250_000)); err != nil {
			t.Fatal(err)
		}
	}
	found := b.last().Found()
	for _, p := range found.Parts {
		if _, here := b.copies.read(p.SHA256, p.Size, make([]byte, 0, p.Size)); !here {
			t.Errorf("a copy of %d bytes of the newest archive is not here", p.Size)
		}
	}
}
