// SPDX-License-Identifier: MPL-2.0

package orbpack

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

const small = "version: 2.1\ndescription: small\n"

// catalog is an import in every layout but the manifest.
func catalog() fstest.MapFS {
	return files(
		"acme/go/1.0.0.yml", small, "acme/go/1.1.0.yaml", small, "acme/go/README.md", "",
		"acme/go/2.0.0/@orb.yml", "version: 2.1\n", "acme/go/2.0.0/commands/a.yml", "steps: [run: <<include(x.sh)>>]\n", "acme/go/2.0.0/x.sh", "true",
		"acme/zip@0.1.0/src/@orb.yml", small, "acme/zip@0.2.0.yml", small,
		"apex/own/latest.yml", small, "apex/own/dev:a.yml", small,
		".git/config", "", "LICENSE", "",
	)
}

func TestFind(t *testing.T) {
	t.Parallel()
	want := "acme/go@1.0.0 acme/go@1.1.0 acme/go@2.0.0 acme/zip@0.1.0 acme/zip@0.2.0 apex/own@dev:a"
	around := fstest.MapFS{}
	for name, file := range catalog() {
		around["orbs-main/"+name] = file
	}
	for _, fsys := range []fstest.MapFS{catalog(), around} {
		found, err := Find(fsys)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, v := range found.Versions {
			names = append(names, v.Orb+"@"+v.Version)
			source, err := v.Source()
			if err != nil || !strings.HasPrefix(source, "version: 2.1") || v.Version == "2.0.0" && !strings.Contains(source, "run: true") && !strings.Contains(source, `run: "true"`) {
				t.Errorf("%s: got %q, %v", v.Path, source, err)
			}
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		if diff := cmp.Diff([]string{"apex/own/latest.yml"}, found.Unknown); diff != "" {
			t.Errorf("unknown (-want +got):\n%s", diff)
		}
	}
}

func TestManifests(t *testing.T) {
	t.Parallel()
	found, err := Find(files("orbs.yml", "namespaces: {acme: gh/acme}\norbs:\n  - {orb: acme/go, version: 1.0.0, path: ./deep/go.yml, private: true, categories: [Build]}\n", "deep/go.yml", small))
	if err != nil || len(found.Versions) != 1 || !found.Versions[0].Private || found.Organizations["acme"] != "gh/acme" {
		t.Fatalf("got %+v, %v", found, err)
	}
	if source, err := found.Versions[0].Source(); err != nil || source != small {
		t.Errorf("got %q, %v", source, err)
	}
	for text, want := range map[string]string{
		"orbs: []\n":                    "lists no orbs",
		"orb: x\n":                      "field orb not found",
		"orbs: [{orb: a/b, path: x}]\n": "needs an orb and a version",
		"orbs: [{orb: a/b, version: 1.0.0, path: ../x}]\n": "not one below",
		"orbs: [{orb: a/b, version: 1.0.0, path: /x}]\n":   "not one below",
		"orbs: [{orb: a/b, version: 1.0.0}]\n":             "not one below",
	} {
		if _, err := Find(files("orbs.yml", text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
	if _, err := Find(files("README.md", "")); err == nil || !strings.Contains(err.Error(), "<namespace>/<orb>/<version>.yml") {
		t.Errorf("nothing: got %v", err)
	}
}

func TestArchives(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	var names []string
	for name := range catalog() {
		names = append(names, name)
	}
	slices.Sort(names)

	var zipped bytes.Buffer
	z := zip.NewWriter(&zipped)
	var tarred bytes.Buffer
	w := tar.NewWriter(&tarred)
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: "acme/go/9.9.9.yml", Linkname: "/etc/passwd"}); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		data := catalog()[name].Data
		in, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = in.Write(data)
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "./" + name, Size: int64(len(data)), Mode: 0o644}); err != nil {
			t.Fatal(err)
		}
		_, _ = w.Write(data)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"orbs.zip": zipped.Bytes(), "orbs.tar": tarred.Bytes(), "orbs.tar.gz": gzipped(t, tarred.Bytes()), "orbs.tgz": gzipped(t, tarred.Bytes())} {
		at := filepath.Join(folder, name)
		if err := os.WriteFile(at, data, 0o600); err != nil {
			t.Fatal(err)
		}
		fsys, closer, err := Open(at)
		if err != nil {
			t.Fatal(err)
		}
		found, err := Find(fsys)
		if err != nil || len(found.Versions) != 6 {
			t.Errorf("%s: got %+v, %v", name, found, err)
		}
		for _, v := range found.Versions {
			if _, err := v.Source(); err != nil {
				t.Errorf("%s: %s: %v", name, v.Path, err)
			}
		}
		if u, ok := closer.(unpacked); ok {
			defer func() {
				if _, err := os.Stat(u.folder); err == nil {
					t.Errorf("%s: %s is left", name, u.folder)
				}
			}()
		}
		if err := closer.Close(); err != nil {
			t.Error(err)
		}
	}
}

func gzipped(t *testing.T, data []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := io.Copy(w, bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestArchivesThatLeadOutAreRefused(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"../x.yml", "/x.yml", "a/../../x.yml"} {
		var tarred bytes.Buffer
		w := tar.NewWriter(&tarred)
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: 1, Mode: 0o644}); err != nil {
			t.Fatal(err)
		}
		_, _ = w.Write([]byte("x"))
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		at := filepath.Join(t.TempDir(), "x.tar")
		if err := os.WriteFile(at, tarred.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := Open(at); err == nil || !strings.Contains(err.Error(), "not a name below a folder") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	for _, name := range []string{"no", "x.rar"} {
		at := filepath.Join(t.TempDir(), name)
		if name != "no" {
			if err := os.WriteFile(at, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if _, _, err := Open(at); err == nil {
			t.Errorf("%s was opened", name)
		}
	}
}
