// SPDX-License-Identifier: MPL-2.0

package tree

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// part is an entry of a tar that someone else wrote.
type part struct {
	tar.Header
	content string
}

func tarOf(t testing.TB, parts ...part) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, p := range parts {
		p.Size = int64(len(p.content))
		if p.Mode == 0 {
			p.Mode = 0o644
		}
		must(t, w.WriteHeader(&p.Header))
		_, err := io.WriteString(w, p.content)
		must(t, err)
	}
	must(t, w.Close())
	return out.Bytes()
}

func file(name, content string) part {
	return part{tar.Header{Name: name, Typeflag: tar.TypeReg}, content}
}

func link(name, target string) part {
	return part{tar.Header{Name: name, Typeflag: tar.TypeSymlink, Linkname: target}, ""}
}

func hard(name, target string) part {
	return part{tar.Header{Name: name, Typeflag: tar.TypeLink, Linkname: target}, ""}
}

func directory(name string) part {
	return part{tar.Header{Name: name + "/", Typeflag: tar.TypeDir, Mode: 0o755}, ""}
}

func kind(name string, kind byte) part {
	return part{tar.Header{Name: name, Typeflag: kind, Devmajor: 1, Devminor: 3}, ""}
}

// outside is a folder with a place to unpack to, and things beside it that must
// stay as they are.
func outside(t testing.TB) (top, to string) {
	t.Helper()
	top = t.TempDir()
	to = filepath.Join(top, "to")
	must(t, os.Mkdir(to, 0o755))
	write(t, filepath.Join(top, "victim"), "as it was")
	write(t, filepath.Join(top, "other/file"), "as it was")
	must(t, os.Mkdir(filepath.Join(to, "folder"), 0o755))
	must(t, os.Symlink("../other", filepath.Join(to, "way out")))
	when := time.Unix(1_000_000_000, 0)
	for _, name := range []string{"victim", "other/file", "other", "."} {
		must(t, os.Chtimes(filepath.Join(top, name), when, when))
	}
	return top, to
}

// beside describes all but what is in the place.
func beside(t testing.TB, top string) map[string]described {
	t.Helper()
	all := describe(t, top)
	for name := range all {
		if name == "to" || strings.HasPrefix(name, "to/") {
			delete(all, name)
		}
	}
	return all
}

// TestNothingLeavesTheFolder: each of these tars was made to write elsewhere.
func TestNothingLeavesTheFolder(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("d/", 2100) + "f"
	for name, c := range map[string]struct {
		parts []part
		fine  bool // it is unpacked, harmlessly
	}{
		"absolute":                   {parts: []part{file("/tmp/x", "x")}},
		"upwards":                    {parts: []part{file("../victim", "x")}},
		"upwards within":             {parts: []part{file("a/../../victim", "x")}},
		"unclean":                    {parts: []part{file("a//b", "x")}},
		"a dot":                      {parts: []part{file("./a", "x")}},
		"itself":                     {parts: []part{file(".", "x")}},
		"upwards as a folder":        {parts: []part{directory("..")}},
		"too long":                   {parts: []part{file(deep, "x")}},
		"a link out, and through it": {parts: []part{directory("l"), link("l/up", "../../other"), file("l/up/file", "x")}},
		"a link up, and through it":  {parts: []part{link("up", ".."), file("up/victim", "x")}},
		"an absolute link":           {parts: []part{link("up", "/etc"), file("up/passwd", "x")}},
		"a link of links":            {parts: []part{link("a", "."), link("a/b", ".."), file("a/b/victim", "x")}},
		"a link that was there":      {parts: []part{file("way out/file", "x")}},
		"a folder through it":        {parts: []part{directory("way out/new")}},
		"a folder in its place":      {parts: []part{directory("way out"), file("way out/file", "x")}, fine: true},
		"a file over a link":         {parts: []part{link("l", "../victim"), file("l", "x")}, fine: true},
		"a hard link up":             {parts: []part{hard("h", "../victim"), file("h", "x")}},
		"a hard link absolute":       {parts: []part{hard("h", "/etc/passwd")}},
		"a hard link through a link": {parts: []part{hard("h", "way out/file")}},
		"a hard link to a link":      {parts: []part{link("l", "../victim"), hard("h", "l"), file("h", "x")}, fine: true},
		"a hard link to itself":      {parts: []part{file("h", "x"), hard("h", "h")}},
		"a hard link to nothing":     {parts: []part{hard("h", "none")}},
		"a device":                   {parts: []part{kind("null", tar.TypeChar)}},
		"a disk":                     {parts: []part{kind("disk", tar.TypeBlock)}},
		"a pipe":                     {parts: []part{kind("pipe", tar.TypeFifo)}},
		"a file over a folder":       {parts: []part{file("folder", "x")}},
		"a link over a folder":       {parts: []part{link("folder", "..")}},
		"setuid":                     {parts: []part{{tar.Header{Name: "s", Typeflag: tar.TypeReg, Mode: 0o6755}, "x"}}, fine: true},
		"a link to nowhere":          {parts: []part{link("l", strings.Repeat("x", 5000))}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			top, to := outside(t)
			before := beside(t, top)
			err := Unpack(t.Context(), bytes.NewReader(tarOf(t, c.parts...)), UnpackOptions{Root: to})
			if (err == nil) != c.fine {
				t.Errorf("got %v", err)
			}
			if diff := cmp.Diff(before, beside(t, top)); diff != "" {
				t.Errorf("it got out (-before +after):\n%s", diff)
			}
			if info, err := os.Lstat(filepath.Join(to, "s")); err == nil && info.Mode() != 0o755 {
				t.Errorf("the mode is %v", info.Mode())
			}
		})
	}
}

func TestPlacesAreApart(t *testing.T) {
	t.Parallel()
	for name, parts := range map[string][]part{
		"unknown":                    {file("2/x", "x")},
		"none":                       {file("x", "x")},
		"up to the other":            {file("0/../1/x", "x")},
		"a hard link to the other":   {file("1/x", "x"), hard("0/h", "1/x")},
		"the place as a file":        {file("0", "x")},
		"the list of places, again":  {file(PlacesName, "x")},
		"a link in the place's name": {link("0", "1")},
	} {
		top := t.TempDir()
		err := Unpack(t.Context(), bytes.NewReader(tarOf(t, parts...)), UnpackOptions{
			Places: map[string]string{"0": filepath.Join(top, "a"), "1": filepath.Join(top, "b")}})
		if err == nil {
			t.Errorf("%s: unpacked", name)
		}
	}
	for name, first := range map[string]part{"another": file("x", "x"), "a folder": directory(PlacesName), "a link": link(PlacesName, "x"),
		"too large": file(PlacesName, strings.Repeat("x", maxPlaces+1))} {
		err := Unpack(t.Context(), bytes.NewReader(tarOf(t, first)), UnpackOptions{Resolve: func([]byte) (map[string]string, error) { return nil, nil }})
		if err == nil || !strings.Contains(err.Error(), "first entry") {
			t.Errorf("%s first: %v", name, err)
		}
	}
}

// TestBounds: more entries or bytes than who asked had been told of.
func TestBounds(t *testing.T) {
	t.Parallel()
	packed := tarOf(t, file("a", "12345"), file("b", "67890"), file("c", ""))
	for name, opts := range map[string]UnpackOptions{"entries": {Entries: 2}, "bytes": {Bytes: 9}} {
		opts.Root = t.TempDir()
		if err := Unpack(t.Context(), bytes.NewReader(packed), opts); err == nil || !strings.Contains(err.Error(), "more than") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := Unpack(t.Context(), bytes.NewReader(packed), UnpackOptions{Root: t.TempDir(), Entries: 3, Bytes: 10}); err != nil {
		t.Error(err)
	}
}

// sparse is an entry whose data begins with a map.
func sparse(length, data string) part {
	return part{tar.Header{Name: "s", Typeflag: tar.TypeReg, Format: tar.FormatPAX, PAXRecords: map[string]string{recordSparse: length}}, data}
}

func TestMapsOfHolesAreHeldToTheFile(t *testing.T) {
	t.Parallel()
	block := func(text string) string { return text + strings.Repeat("\x00", padding(int64(len(text)))) }
	for name, p := range map[string]part{
		"no length":        sparse("x", block("0\n")),
		"a negative one":   sparse("-1", block("0\n")),
		"no map":           sparse("10", ""),
		"a cut map":        sparse("10", "2\n0\n"),
		"too many":         sparse("10", block("100001\n")),
		"beyond the end":   sparse("10", block("1\n5\n6\n")+"123456"),
		"overlapping":      sparse("10", block("2\n0\n5\n4\n2\n")+"1234567"),
		"less data":        sparse("10", block("1\n0\n5\n")+"123"),
		"a huge number":    sparse("10", block("1\n99999999999999999999\n1\n")),
		"negative numbers": sparse("10", block("1\n-1\n1\n")),
	} {
		if err := Unpack(t.Context(), bytes.NewReader(tarOf(t, p)), UnpackOptions{Root: t.TempDir()}); err == nil {
			t.Errorf("%s: unpacked", name)
		}
	}
}

// TestRecordsOfHoles: those of other formats, and those that lack something.
func TestRecordsOfHoles(t *testing.T) {
	t.Parallel()
	block := func(text string) string { return text + strings.Repeat("\x00", padding(int64(len(text)))) }
	data := block("1\n5\n3\n") + "123"
	records := func(change ...string) string {
		pairs := [][2]string{{"major", "1"}, {"minor", "0"}, {"name", "real"}, {"realsize", "10"}}
		var all []byte
		for _, p := range pairs {
			for i := 0; i < len(change); i += 2 {
				if p[0] == change[i] {
					p[1] = change[i+1]
				}
			}
			if p[1] != "" {
				all = appendRecord(all, gnuSparse+p[0], p[1])
			}
		}
		return string(all)
	}
	for name, c := range map[string]struct {
		records string
		kind    byte
		fine    bool
	}{
		"all of them":      {records(), tar.TypeReg, true},
		"another path":     {records() + string(appendRecord(nil, "path", "later")), tar.TypeReg, true},
		"another format":   {records("major", "0"), tar.TypeReg, false},
		"a later one":      {records("minor", "1"), tar.TypeReg, false},
		"no name":          {records("name", ""), tar.TypeReg, false},
		"a name elsewhere": {records("name", "../real"), tar.TypeReg, false},
		"no length":        {records("realsize", ""), tar.TypeReg, false},
		"a short length":   {records("realsize", "7"), tar.TypeReg, false},
		"a negative one":   {records("realsize", "-1"), tar.TypeReg, false},
		"no number":        {records("realsize", "x"), tar.TypeReg, false},
		"one unknown":      {records() + string(appendRecord(nil, gnuSparse+"map", "0,1")), tar.TypeReg, false},
		"of a link":        {records(), tar.TypeSymlink, false},
	} {
		var out []byte
		for _, e := range []struct {
			entry
			content string
		}{{entry{name: "records", kind: tar.TypeXHeader, sparse: -1}, c.records}, {entry{name: "stored", kind: c.kind, mode: 0o644, link: "x", sparse: -1}, data}} {
			e.size = int64(len(e.content))
			out = append(append(append(out, appendBlock(nil, &e.entry)...), e.content...), zeros[:padding(e.size)]...)
		}
		to := t.TempDir()
		err := Unpack(t.Context(), bytes.NewReader(out), UnpackOptions{Root: to})
		if (err == nil) != c.fine {
			t.Errorf("%s: got %v", name, err)
		}
		got, _ := os.ReadFile(filepath.Join(to, "real"))
		if want := "\x00\x00\x00\x00\x00123\x00\x00"; c.fine && string(got) != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

// FuzzUnpack: whatever the bytes are, nothing beside the folder changes.
func FuzzUnpack(f *testing.F) {
	f.Add(tarOf(f, file("a", "x"), directory("d"), link("d/l", "../.."), hard("h", "a"), file("d/l/x", "y")))
	f.Add(tarOf(f, link("up", ".."), file("up/victim", "x")))
	f.Add(tarOf(f, directory("way out"), file("way out/file", "x"), hard("way out/h", "way out/file")))
	f.Add(tarOf(f, sparse("4000000", "1\n100\n5\n"+strings.Repeat("\x00", 502)+"12345")))
	f.Add(tarOf(f, file(strings.Repeat("n", 300), "x")))
	hole := entry{name: "way out/hole", kind: tar.TypeReg, size: 517, sparse: 4_000_000}
	f.Add(append(appendHeader(nil, &hole), "1\n100\n5\n"+strings.Repeat("\x00", 503)+"12345"...))
	from := f.TempDir()
	write(f, filepath.Join(from, "a/b"), "text")
	f.Add(pack(f, PackOptions{}, Root{Path: from}))
	f.Fuzz(func(t *testing.T, packed []byte) {
		top, to := outside(t)
		before := beside(t, top)
		Unpack(t.Context(), bytes.NewReader(packed), UnpackOptions{Root: to, Bytes: 1 << 22, Entries: 1000})
		if diff := cmp.Diff(before, beside(t, top)); diff != "" {
			t.Errorf("it got out (-before +after):\n%s", diff)
		}
	})
}
