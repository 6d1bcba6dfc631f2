// SPDX-License-Identifier: MPL-2.0

package tree

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// described is all that is to be the same of a file.
type described struct {
	Mode    fs.FileMode
	Time    int64
	Link    string
	Content string
	Blocks  bool // it has holes
	Same    string
}

// describe returns all files below a folder.
func describe(t testing.TB, root string) map[string]described {
	t.Helper()
	all, first := map[string]described{}, map[uint64]string{}
	err := filepath.Walk(root, func(at string, info fs.FileInfo, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, at)
		d := described{Mode: info.Mode(), Time: info.ModTime().UnixNano()}
		stat := info.Sys().(*syscall.Stat_t)
		switch {
		case info.Mode().IsRegular():
			content, err := os.ReadFile(at)
			if err != nil {
				return err
			}
			d.Content = string(content)
			d.Blocks = stat.Size > small && stat.Blocks*512 < stat.Size/2
			if stat.Nlink > 1 && first[stat.Ino] == "" {
				first[stat.Ino] = rel
			}
			d.Same = first[stat.Ino]
		case info.Mode()&fs.ModeSymlink != 0:
			d.Link, err = os.Readlink(at)
		}
		all[rel] = d
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func write(t testing.TB, at, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(at, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// oddTree makes a folder with everything that a tar can get wrong.
func oddTree(t testing.TB) string {
	t.Helper()
	root := filepath.Join(t.TempDir(), "odd")
	at := func(name string) string { return filepath.Join(root, name) }
	write(t, at("a/b/c/small"), "text")
	write(t, at("empty file"), "")
	write(t, at("exact"), strings.Repeat("x", 512))
	write(t, at("edge"), strings.Repeat("e", small))
	write(t, at("large"), strings.Repeat("0123456789abcdef", 200_001)) // three chunks and some
	must(t, os.MkdirAll(at("empty folder/within"), 0o755))
	long := strings.Repeat("long-name-", 20)
	write(t, at(long+"/"+long+"/"+long), "deep")
	write(t, at("ünïcödé ☃ \n\x01"), "name")
	write(t, at("not utf-8 \xff\xfe"), "name")
	must(t, os.Symlink("a/b", at("link")))
	must(t, os.Symlink("/etc/passwd", at("away")))
	must(t, os.Symlink("nowhere", at("dangling")))
	must(t, os.Symlink(strings.Repeat("t", 3000), at("link to a long name")))
	must(t, os.Link(at("a/b/c/small"), at("z-hard")))
	must(t, os.Link(at("large"), at("a/hard to large")))
	must(t, os.Link(at("edge"), at("a/"+long)))
	sparse, err := os.Create(at("sparse"))
	must(t, err)
	_, err = sparse.WriteAt([]byte("begin"), 0)
	must(t, err)
	_, err = sparse.WriteAt([]byte(strings.Repeat("middle", 100_000)), 40<<20)
	must(t, err)
	must(t, sparse.Truncate(100<<20))
	must(t, sparse.Close())
	hole, err := os.Create(at("only a hole"))
	must(t, err)
	must(t, hole.Truncate(5<<20))
	must(t, hole.Close())
	must(t, os.Chmod(at("exact"), 0o751))
	must(t, os.Chmod(at("edge"), 0o444))
	must(t, os.Chmod(at("a/b/c"), 0o555))
	must(t, os.Chmod(at("empty folder"), 0o1777))
	for i, name := range []string{"a/b/c/small", "exact", "large", "sparse", "a/b/c", "a", "empty folder"} {
		when := time.Unix(1_700_000_000+int64(i), 123_456_789+int64(i))
		must(t, os.Chtimes(at(name), when, when))
	}
	before := time.Unix(-5, 250_000_000)
	must(t, os.Chtimes(at("empty file"), before, before))
	after := time.Unix(1<<34, 1)
	must(t, os.Chtimes(at("empty folder/within"), after, after))
	t.Cleanup(func() { os.Chmod(at("a/b/c"), 0o755) })
	return root
}

func pack(t testing.TB, opts PackOptions, roots ...Root) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := Pack(t.Context(), &out, roots, opts); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	from := oddTree(t)
	packed := pack(t, PackOptions{}, Root{Name: "0", Path: from})
	if len(packed) > 12<<20 {
		t.Errorf("%d bytes: holes were packed", len(packed))
	}
	to := filepath.Join(t.TempDir(), "to")
	var count Counter
	must(t, Unpack(t.Context(), bytes.NewReader(packed), UnpackOptions{Places: map[string]string{"0": to}, Count: &count}))
	want := describe(t, from)
	if diff := cmp.Diff(want, describe(t, to)); diff != "" {
		t.Errorf("not the same (-packed +unpacked):\n%.3000s", diff)
	}
	if n := int(count.Files.Load()); n != len(want) {
		t.Errorf("%d files were counted of %d", n, len(want))
	}
	// Once more, over what is there.
	must(t, Unpack(t.Context(), bytes.NewReader(packed), UnpackOptions{Places: map[string]string{"0": to}}))
	if diff := cmp.Diff(want, describe(t, to)); diff != "" {
		t.Errorf("not the same over itself (-packed +unpacked):\n%.3000s", diff)
	}
	t.Cleanup(func() { os.Chmod(filepath.Join(to, "a/b/c"), 0o755) })
}

// TestRandomTrees packs and unpacks what chance makes.
func TestRandomTrees(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 9))
		from, to := t.TempDir(), t.TempDir()
		folders := []string{from}
		for i := range 60 {
			at := filepath.Join(folders[random.IntN(len(folders))], fmt.Sprintf("%d%s", i, strings.Repeat("n", random.IntN(120))))
			switch random.IntN(6) {
			case 0, 1:
				must(t, os.Mkdir(at, 0o700|fs.FileMode(random.IntN(64))))
				folders = append(folders, at)
			case 2:
				must(t, os.Symlink(strings.Repeat("../", random.IntN(4))+"x", at))
			default:
				content := make([]byte, random.IntN(1<<random.IntN(20)))
				rand.NewChaCha8([32]byte{byte(i)}).Read(content)
				must(t, os.WriteFile(at, content, fs.FileMode(random.IntN(512))|0o400))
			}
		}
		packed := pack(t, PackOptions{}, Root{Path: from})
		must(t, Unpack(t.Context(), bytes.NewReader(packed), UnpackOptions{Root: to}))
		want, got := describe(t, from), describe(t, to)
		delete(want, ".")
		delete(got, ".")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("seed %d: not the same (-packed +unpacked):\n%.2000s", seed, diff)
		}
	}
}

func TestWhatIsLeftOut(t *testing.T) {
	t.Parallel()
	from := t.TempDir()
	write(t, filepath.Join(from, "kept"), "x")
	write(t, filepath.Join(from, "own/secret"), "x")
	must(t, unix.Mkfifo(filepath.Join(from, "pipe"), 0o600))
	socket, err := net.Listen("unix", filepath.Join(from, "sock"))
	must(t, err)
	defer socket.Close()
	var mu sync.Mutex
	var notes []string
	note := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		notes = append(notes, fmt.Sprintf(format, args...))
	}
	packed := pack(t, PackOptions{Note: note, Skip: []string{filepath.Join(from, "own")}}, Root{Path: from, Only: []string{"kept", "own", "pipe", "sock"}})
	to := t.TempDir()
	must(t, Unpack(t.Context(), bytes.NewReader(packed), UnpackOptions{Root: to}))
	entries, _ := os.ReadDir(to)
	if len(entries) != 1 || entries[0].Name() != "kept" {
		t.Errorf("unpacked: %v", entries)
	}
	if all := strings.Join(notes, "\n"); len(notes) != 2 || !strings.Contains(all, "pipe was left out: it is a named pipe") || !strings.Contains(all, "a socket") {
		t.Errorf("notes: %q", notes)
	}
}

func TestMissingPathsAreNamed(t *testing.T) {
	t.Parallel()
	err := Pack(t.Context(), io.Discard, []Root{{Path: t.TempDir(), Only: []string{"nowhere"}}}, PackOptions{})
	if err == nil || !strings.Contains(err.Error(), "nowhere cannot be read") {
		t.Errorf("got %v", err)
	}
}

// failing is a writer that fails after so many bytes, and a reader that does.
type failing struct {
	left int
	from io.Reader
}

var errFailing = errors.New("the other side is away")

func (f *failing) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, errFailing
	}
	return len(p), nil
}

func (f *failing) Read(p []byte) (int, error) {
	if f.left <= 0 {
		return 0, errFailing
	}
	n, err := f.from.Read(p[:min(len(p), f.left)])
	f.left -= n
	return n, err
}

// TestErrorsOfTheOtherSideComeBack: wherever they happen, and nothing hangs.
func TestErrorsOfTheOtherSideComeBack(t *testing.T) {
	t.Parallel()
	from := oddTree(t)
	packed := pack(t, PackOptions{}, Root{Path: from})
	for _, at := range []int{0, 100, 5000, len(packed) / 2, len(packed) - 10} {
		if err := Pack(t.Context(), &failing{left: at}, []Root{{Path: from}}, PackOptions{}); !errors.Is(err, errFailing) {
			t.Errorf("packing to %d: %v", at, err)
		}
		to := t.TempDir()
		err := Unpack(t.Context(), &failing{left: at, from: bytes.NewReader(packed)}, UnpackOptions{Root: to})
		if !errors.Is(err, errFailing) {
			t.Errorf("unpacking from %d: %v", at, err)
		}
		os.Chmod(filepath.Join(to, "a/b/c"), 0o755)
	}
}

func TestAnEndedContextEndsBoth(t *testing.T) {
	t.Parallel()
	from := oddTree(t)
	packed := pack(t, PackOptions{}, Root{Path: from})
	ended := errors.New("canceled")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(ended)
	if err := Pack(ctx, io.Discard, []Root{{Path: from}}, PackOptions{}); !errors.Is(err, ended) {
		t.Errorf("packing: %v", err)
	}
	if err := Unpack(ctx, bytes.NewReader(packed), UnpackOptions{Root: t.TempDir()}); !errors.Is(err, ended) {
		t.Errorf("unpacking: %v", err)
	}
}

func TestPlaces(t *testing.T) {
	t.Parallel()
	first, second := t.TempDir(), t.TempDir()
	write(t, filepath.Join(first, "a"), "1")
	write(t, filepath.Join(second, "b"), "2")
	write(t, filepath.Join(second, "c"), "3")
	packed := pack(t, PackOptions{Places: []byte("the list")}, Root{Name: "0", Path: first}, Root{Name: "1", Path: second, Only: []string{"b"}})
	to := t.TempDir()
	err := Unpack(t.Context(), bytes.NewReader(packed), UnpackOptions{Resolve: func(content []byte) (map[string]string, error) {
		return map[string]string{"0": filepath.Join(to, "x/y"), "1": filepath.Join(to, "z")}, errors.Join(nil, want(string(content), "the list"))
	}})
	must(t, err)
	for name, content := range map[string]string{"x/y/a": "1", "z/b": "2"} {
		if got, err := os.ReadFile(filepath.Join(to, name)); string(got) != content {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if _, err := os.Stat(filepath.Join(to, "z/c")); err == nil {
		t.Error("more was packed than asked for")
	}
}

func want(got, want string) error {
	if got != want {
		return fmt.Errorf("got %q, want %q", got, want)
	}
	return nil
}

// TestHeadersReadBack holds our encoder to archive/tar's reader.
func TestHeadersReadBack(t *testing.T) {
	t.Parallel()
	for _, e := range []entry{
		{name: "a", kind: tar.TypeReg, mode: 0o644, mtime: time.Unix(1, 0)},
		{name: strings.Repeat("n", 101), kind: tar.TypeReg, mode: 0o7, mtime: time.Unix(1, 5)},
		{name: strings.Repeat("p/", 2000) + "x", kind: tar.TypeReg, mode: 0o7, mtime: time.Unix(-1, 999_999_999)},
		{name: "é", link: "ü", kind: tar.TypeSymlink, mode: 0o777, mtime: time.Unix(-100, 0)},
		{name: "l", link: strings.Repeat("t", 4000), kind: tar.TypeSymlink, mode: 0o777, mtime: time.Unix(1<<40, 1)},
		{name: "big", kind: tar.TypeReg, mode: 0o600, size: 1 << 40, mtime: time.Unix(0, 1)},
		{name: "edge", kind: tar.TypeReg, mode: 0o600, size: maxOctal - 1, mtime: time.Unix(maxOctal-1, 0)},
	} {
		e.sparse = -1
		h, err := tar.NewReader(bytes.NewReader(appendHeader(nil, &e))).Next()
		if err != nil {
			t.Errorf("%.40q: %v", e.name, err)
			continue
		}
		got := entry{name: h.Name, link: h.Linkname, kind: h.Typeflag, mode: uint32(h.Mode), size: h.Size, mtime: h.ModTime, sparse: -1}
		if diff := cmp.Diff(e, got, cmp.AllowUnexported(entry{})); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	for n := range 1100 { // lengths that count themselves
		r := string(appendRecord(nil, "k", strings.Repeat("v", n)))
		var length int
		if _, err := fmt.Sscanf(r, "%d ", &length); err != nil || length != len(r) {
			t.Errorf("a record of %d bytes says %d", len(r), length)
		}
	}
}
