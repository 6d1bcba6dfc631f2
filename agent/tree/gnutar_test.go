// SPDX-License-Identifier: MPL-2.0

package tree

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// gnuTar runs GNU tar, and returns what it wrote. It is never in the language of
// who runs the test.
func gnuTar(t *testing.T, in []byte, args ...string) (out, complaints []byte, err error) {
	t.Helper()
	path, err := exec.LookPath("tar")
	if err != nil {
		t.Fatal("this test takes GNU tar: ", err)
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(in), &stdout, &stderr
	err = cmd.Run()
	return stdout.Bytes(), stderr.Bytes(), err
}

// difference is one between a tree that came through here and one that came
// through GNU tar with all that it can keep.
type difference struct {
	name, field  string // the field is "there" for a file that only one has
	ours, theirs string
}

// compare lists all differences of two trees.
func compare(ours, theirs map[string]kept) (list []difference) {
	for _, name := range slices.Sorted(maps.Keys(theirs)) {
		a, there := ours[name]
		if !there {
			list = append(list, difference{name, "there", "nothing", theirs[name]["kind"]})
			continue
		}
		for _, field := range slices.Sorted(maps.Keys(theirs[name])) {
			if b := theirs[name][field]; a[field] != b && !(field == "blocks" && near(a[field], b)) {
				list = append(list, difference{name, field, a[field], b})
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(ours)) {
		if _, there := theirs[name]; !there {
			list = append(list, difference{name, "there", ours[name]["kind"], "nothing"})
		}
	}
	return list
}

// near: file systems may keep the map of a file's pieces in blocks of its own,
// and may lay the same bytes out in more or fewer pieces.
func near(a, b string) bool {
	x, _ := strconv.Atoi(a)
	y, _ := strconv.Atoi(b)
	return max(x-y, y-x) <= 16
}

// intended are the differences that there are to be; docs/use.md has the same
// list for people ("Files keep").
var intended = []struct {
	what string
	is   func(d difference, size int) bool
	// seen tells whether the tree had it.
	seen func(odds) bool
}{
	{"files belong to who restores them", func(d difference, _ int) bool {
		return d.field == "owner" && d.ours == fmt.Sprintf("%d:%d", os.Geteuid(), os.Getegid())
	}, func(o odds) bool { return o.owners }},
	{"no set-user-ID and set-group-ID bits, and no sticky bit of files", func(d difference, _ int) bool {
		return d.field == "special bits" && d.ours == "0"
	}, nil},
	{"no pipes and devices", func(d difference, _ int) bool {
		return d.field == "there" && d.ours == "nothing" && (d.name == "pipe" || d.name == "device")
	}, nil},
	{"no extended attributes, capabilities among them", func(d difference, _ int) bool {
		return d.field == "attributes" && d.ours == ""
	}, func(o odds) bool { return o.attributes || o.capability }},
	{"no holes of files of 128 KiB and less", func(d difference, size int) bool {
		return (d.field == "holes" || d.field == "blocks") && size <= small
	}, nil},
}

// TestAgainstGNUTar holds what comes through here to what GNU tar leaves of the
// same tree, as lstat tells it and by content, holes and blocks.
func TestAgainstGNUTar(t *testing.T) {
	t.Parallel()
	from, have := everyTree(t)
	keepAll := []string{"--xattrs", "--xattrs-include=*"}
	packed, complaints, err := gnuTar(t, nil, append(keepAll, "--format=pax", "--sparse", "-C", from, "-cf", "-", ".")...)
	if err != nil {
		t.Fatalf("%v: %s", err, complaints)
	}
	theirs := t.TempDir()
	if _, complaints, err = gnuTar(t, packed, append(keepAll, "-xpf", "-", "-C", theirs)...); err != nil {
		t.Fatalf("%v: %s", err, complaints)
	}
	ours := filepath.Join(t.TempDir(), "to")
	must(t, Unpack(t.Context(), bytes.NewReader(pack(t, PackOptions{}, Root{Name: "0", Path: from})), UnpackOptions{Places: map[string]string{"0": ours}}))
	writable(t, theirs, ours)
	restored, wanted := look(t, ours), look(t, theirs)
	seen := make([]int, len(intended))
next:
	for _, d := range compare(restored, wanted) {
		for i, known := range intended {
			if known.is(d, len(restored[d.name]["content"])) {
				seen[i]++
				continue next
			}
		}
		t.Errorf("%.60q: %s is %.100q and with GNU tar %.100q", d.name, d.field, d.ours, d.theirs)
	}
	for i, known := range intended {
		if seen[i] == 0 && (known.seen == nil || known.seen(have)) {
			t.Errorf("%s: there is no such difference any more, so it is not to be called one", known.what)
		}
	}
	if len(restored) < 70 {
		t.Errorf("only %d files were compared", len(restored))
	}
}

// writable has folders that nobody may write to removed with the test.
func writable(t *testing.T, roots ...string) {
	t.Cleanup(func() {
		for _, root := range roots {
			for _, name := range []string{"a/b/c", "unreadable"} {
				os.Chmod(filepath.Join(root, name), 0o755)
			}
		}
	})
}

// TestGNUTarReadsIt: what is packed here is a tar of which GNU tar says nothing
// that it does not say of its own, files with holes included; and what it
// unpacks from it is what is unpacked here.
func TestGNUTarReadsIt(t *testing.T) {
	t.Parallel()
	from, _ := everyTree(t)
	packed := pack(t, PackOptions{}, Root{Path: from})
	to, theirs, elsewhere := t.TempDir(), t.TempDir(), t.TempDir()
	writable(t, to, theirs, elsewhere)
	must(t, Unpack(t.Context(), bytes.NewReader(packed), UnpackOptions{Root: to}))
	own, complaints, err := gnuTar(t, nil, "--format=pax", "--sparse", "-C", to, "-cf", "-", ".")
	if err != nil {
		t.Fatalf("%v: %s", err, complaints)
	}
	for _, do := range []struct{ what, ours, theirs string }{{"-tf", to, to}, {"-df", to, to}, {"-xpf", theirs, elsewhere}} {
		what := do.what
		const quiet = "--warning=no-timestamp" // of files that are so old, or of the future
		out, complaints, err := gnuTar(t, packed, what, "-", "-C", do.ours, quiet)
		wanted, usual, usualErr := gnuTar(t, own, what, "-", "-C", do.theirs, quiet)
		if what == "-df" && os.Geteuid() != 0 {
			err = nil // it differs by whom it belongs to, of which lines are no lines
		}
		if err != nil || usualErr != nil {
			t.Errorf("tar %s: %v: %s%s\nand of its own: %v: %s%s", what, err, out, complaints, usualErr, wanted, usual)
		}
		if diff := cmp.Diff(lines(wanted), lines(out)); diff != "" {
			t.Errorf("tar %s (-of its own +of ours):\n%s", what, diff)
		}
		if diff := cmp.Diff(lines(usual), lines(complaints)); diff != "" {
			t.Errorf("tar %s complains (-of its own +of ours):\n%s", what, diff)
		}
	}
	unpacked := look(t, theirs)
	delete(unpacked, ".")
	restored := look(t, to)
	delete(restored, ".")
	for _, d := range compare(restored, unpacked) {
		t.Errorf("%.60q: %s is %.100q and with GNU tar %.100q", d.name, d.field, d.ours, d.theirs)
	}
}

// lines are those of a listing, in no order and without the dot that GNU tar
// begins names with. That a file is of nobody else's is no line where the user
// may not give files away, and so not to all.
func lines(out []byte) []string {
	var list []string
	for line := range strings.Lines(string(out)) {
		line = strings.TrimPrefix(strings.TrimSuffix(line, "\n"), "./")
		if line == "" || os.Geteuid() != 0 && (strings.HasSuffix(line, ": Uid differs") || strings.HasSuffix(line, ": Gid differs")) {
			continue
		}
		list = append(list, line)
	}
	slices.Sort(list)
	return list
}
