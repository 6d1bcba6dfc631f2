// SPDX-License-Identifier: MPL-2.0

package keyfile

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Load returns the key of size bytes in the file at path, and makes file and
// folder when they are not there. A file that others may read is refused, since
// a key that was open to others has to be replaced, not silently closed.
func Load(path string, size int) ([]byte, error) {
	key, err := read(path, size)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	fresh := make([]byte, size)
	rand.Read(fresh) // never fails: crypto/rand ends the process instead
	err = Create(path, []byte(hex.EncodeToString(fresh)+"\n"))
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("making the key file: %w", err)
	}
	// Read it back in either case: another process may have been first.
	return read(path, size)
}

func read(path string, size int) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("key file %s has mode %04o: others can read it; replace the key or run chmod 600", path, info.Mode().Perm())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(key) != size {
		return nil, fmt.Errorf("key file %s does not hold %d bytes in hexadecimal digits; restore it from a backup", path, size)
	}
	return key, nil
}

// Create writes a file with mode 0600 that appears at once and whole, or
// returns an error that is fs.ErrExist when there is one already. Its folder is
// made with mode 0700. A rename would overwrite the file of a process that was
// quicker; a hard link never does.
func Create(path string, content []byte) error {
	temp, err := writeTemp(path, content)
	if err != nil {
		return err
	}
	defer os.Remove(temp)
	if err := os.Link(temp, path); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(path))
}

// Replace writes the file with mode 0600, whole or not at all, over an older one.
func Replace(path string, content []byte) error {
	temp, err := writeTemp(path, content)
	if err != nil {
		return err
	}
	if err := os.Rename(temp, path); err != nil {
		os.Remove(temp)
		return err
	}
	return SyncDir(filepath.Dir(path))
}

// writeTemp writes content to a durable file beside path; CreateTemp gives it
// mode 0600.
func writeTemp(path string, content []byte) (string, error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	f, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return "", err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		os.Remove(f.Name())
		return "", err
	}
	return f.Name(), nil
}

// SyncDir makes the names in a folder durable. File systems that cannot sync a
// folder say EINVAL or ENOTSUP, which is not the caller's problem.
func SyncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.ENOTSUP) {
		return fmt.Errorf("syncing the folder: %w", err)
	}
	return nil
}
