// SPDX-License-Identifier: MPL-2.0

package keyfile_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/muster-ci/muster/internal/keyfile"
)

// TestLoadAtOnce: whoever comes first, all have the same key.
func TestLoadAtOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "made", "key")
	keys := make([][]byte, 16)
	var done sync.WaitGroup
	for i := range keys {
		done.Go(func() {
			var err error
			if keys[i], err = keyfile.Load(path, 32); err != nil {
				t.Errorf("loading: %v", err)
			}
		})
	}
	done.Wait()
	for _, key := range keys {
		if len(key) != 32 || !bytes.Equal(key, keys[0]) {
			t.Errorf("got key %x and %x", key, keys[0])
		}
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("got files %v, %v; want only the key", entries, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got mode %v, %v; want 0600", info.Mode(), err)
	}
}

func TestLoadRefuses(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{"empty": "", "short": "abcd", "not hexadecimal": "zz"} {
		path := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if key, err := keyfile.Load(path, 32); err == nil {
			t.Errorf("%s: got key %x", name, key)
		}
	}
	path := filepath.Join(t.TempDir(), "key")
	if _, err := keyfile.Load(path, 16); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := keyfile.Load(path, 16); err == nil {
		t.Error("a key that a group can read was accepted")
	}
}

func TestCreateAndReplace(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	if err := keyfile.Create(path, []byte("one")); err != nil {
		t.Fatal(err)
	}
	if err := keyfile.Create(path, []byte("two")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("creating again: got %v, want exists", err)
	}
	if got, err := os.ReadFile(path); string(got) != "one" {
		t.Errorf("got %q, %v; want the first content", got, err)
	}
	if err := keyfile.Replace(path, []byte("three")); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(path); string(got) != "three" {
		t.Errorf("got %q, %v; want the last content", got, err)
	}
}
