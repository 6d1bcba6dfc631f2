// SPDX-License-Identifier: MPL-2.0

package secrets

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"syscall"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/muster-ci/muster/internal/keyfile"
)

// namedKey is one keyset file and what was last read from it.
type namedKey struct {
	name   string
	path   string
	master tink.AEAD

	mu     sync.Mutex
	seen   os.FileInfo // of the file that handle came from
	handle *keyset.Handle
	aead   tink.AEAD
}

// current returns the key as the file has it now. The file is replaced whole on
// every change, so that its inode tells whether it must be read again.
func (n *namedKey) current() (tink.AEAD, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	info, err := os.Stat(n.path)
	if err != nil {
		return nil, err
	}
	if n.seen != nil && os.SameFile(info, n.seen) && info.ModTime().Equal(n.seen.ModTime()) {
		return n.aead, nil
	}
	if err := n.read(info); err != nil {
		return nil, err
	}
	return n.aead, nil
}

func (n *namedKey) read(info os.FileInfo) error {
	content, err := os.ReadFile(n.path)
	if err != nil {
		return err
	}
	handle, err := keyset.ReadWithAssociatedData(keyset.NewJSONReader(bytes.NewReader(content)), n.master, []byte(n.name))
	if err != nil {
		return fmt.Errorf("decrypting the keyset %s with the master key: %w", n.path, err)
	}
	primitive, err := aead.New(handle)
	if err != nil {
		return fmt.Errorf("using the keyset %s: %w", n.path, err)
	}
	n.seen, n.handle, n.aead = info, handle, primitive
	return nil
}

// create makes the file with one key in it, unless another process was quicker.
func (n *namedKey) create() error {
	handle, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return fmt.Errorf("making the key %s: %w", n.name, err)
	}
	content, err := n.encrypt(handle)
	if err != nil {
		return err
	}
	if err := keyfile.Create(n.path, content); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("storing the key %s: %w", n.name, err)
	}
	_, err = n.current()
	return err
}

// rotate adds a key and makes it the one that seals. The caller holds the
// folder's lock: two rotations at once would otherwise lose one's key, and with
// it what was sealed meanwhile.
func (n *namedKey) rotate() error {
	if _, err := n.current(); err != nil {
		return unreadable(err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	manager := keyset.NewManagerFromHandle(n.handle)
	id, err := manager.Add(aead.AES256GCMKeyTemplate())
	if err != nil {
		return fmt.Errorf("making a version of the key %s: %w", n.name, err)
	}
	if err := manager.SetPrimary(id); err != nil {
		return fmt.Errorf("choosing the new version of the key %s: %w", n.name, err)
	}
	handle, err := manager.Handle()
	if err != nil {
		return fmt.Errorf("making a version of the key %s: %w", n.name, err)
	}
	content, err := n.encrypt(handle)
	if err != nil {
		return err
	}
	if err := keyfile.Replace(n.path, content); err != nil {
		return unreadable(err)
	}
	n.seen = nil // read again at the next use
	return nil
}

func (n *namedKey) encrypt(handle *keyset.Handle) ([]byte, error) {
	var content bytes.Buffer
	if err := handle.WriteWithAssociatedData(keyset.NewJSONWriter(&content), n.master, []byte(n.name)); err != nil {
		return nil, fmt.Errorf("encrypting the key %s: %w", n.name, err)
	}
	return content.Bytes(), nil
}

// lockFile waits for the lock that is held on a file, also against other
// processes; a process that dies lets go of it.
func lockFile(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		f.Close()
		return nil, err
	}
	return func() { f.Close() }, nil
}
