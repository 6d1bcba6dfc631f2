// SPDX-License-Identifier: MPL-2.0

package secrets_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/secrets"
	"github.com/muster-ci/muster/internal/secrets/secretstest"
)

func newKeyset(t *testing.T, dir string) *secrets.Keyset {
	t.Helper()
	k, err := secrets.NewKeyset(dir)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestKeysetConformance(t *testing.T) {
	t.Parallel()
	secretstest.Run(t, func(t *testing.T) func() secretstest.Implementation {
		dir := t.TempDir()
		return func() secretstest.Implementation { return newKeyset(t, dir) }
	})
}

func TestKeysetSigns(t *testing.T) {
	t.Parallel()
	secretstest.RunSigner(t, func(t *testing.T) func() secrets.Signer {
		dir := t.TempDir()
		return func() secrets.Signer { return newKeyset(t, dir) }
	})
}

func TestKeysetFilesShowNothing(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "made", "on", "first", "start")
	k := newKeyset(t, dir)
	if err := k.Put(t.Context(), "muster/x", map[string]string{"name": "canary-value"}); err != nil {
		t.Fatal(err)
	}
	files := 0
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		files++
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, want 0600", path, info.Mode())
		}
		content, err := os.ReadFile(path)
		if bytes.Contains(content, []byte("canary")) {
			t.Errorf("%s shows the value", path)
		}
		return err
	})
	if err != nil || files != 3 { // the master key, one keyset, one value
		t.Errorf("got %d files (%v), want 3", files, err)
	}
}

func TestKeysetRefusesAnOpenOrWrongMasterKey(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	sealed, err := newKeyset(t, dir).Seal(t.Context(), "variables", []byte("x"), nil)
	if err != nil {
		t.Fatal(err)
	}
	master := filepath.Join(dir, "master.key")
	if err := os.Chmod(master, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := secrets.NewKeyset(dir); err == nil {
		t.Error("a master key that everybody can read was accepted")
	}
	if err := os.Remove(master); err != nil {
		t.Fatal(err)
	}
	// A lost master key must never look like a damaged value of one user.
	if _, err := newKeyset(t, dir).Open(t.Context(), "variables", sealed, nil); core.ErrorCode(err) != core.CodeUnavailable {
		t.Errorf("opening with another master key: got %v, want unavailable", err)
	}
	if err := os.WriteFile(master, []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := secrets.NewKeyset(dir); err == nil {
		t.Error("half a master key was accepted")
	}
}

// TestKeysetRotationsAtOnce has two processes rotate while both seal.
func TestKeysetRotationsAtOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var mu sync.Mutex
	sealed := make(map[string]string)
	var done sync.WaitGroup
	for i := range 4 {
		k := newKeyset(t, dir)
		done.Go(func() {
			for j := range 5 {
				if err := k.Rotate(t.Context(), "shared"); err != nil {
					t.Errorf("rotating: %v", err)
				}
				plain := strconv.Itoa(i*10 + j)
				text, err := k.Seal(t.Context(), "shared", []byte(plain), nil)
				if err != nil {
					t.Errorf("sealing: %v", err)
				}
				mu.Lock()
				sealed[plain] = text
				mu.Unlock()
			}
		})
	}
	done.Wait()
	k := newKeyset(t, dir)
	for plain, text := range sealed {
		if got, err := k.Open(t.Context(), "shared", text, nil); err != nil || string(got) != plain {
			t.Errorf("got %q, %v; want %q", got, err, plain)
		}
	}
}
