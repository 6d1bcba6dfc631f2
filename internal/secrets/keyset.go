// SPDX-License-Identifier: MPL-2.0

package secrets

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/tink-crypto/tink-go/v2/aead/subtle"
	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/keyfile"
)

const (
	masterKeySize = 32
	sealedPrefix  = "keyset:v1:"
	// storeKey seals what Put stores.
	storeKey = "keyset-store"
)

// Keyset is the embedded Sealer, Rotator, Signer and Keeper: files in one folder.
//
//	master.key        the key of keys, 0600; who has it has everything
//	keys/<name>.json  one Tink keyset per key, encrypted with the master key
//	signing/<name>    the versions of a key that signs, encrypted in the same way
//	store/<path>      what Put stored, sealed
//
// Several processes may use one folder. Losing master.key loses every value.
type Keyset struct {
	dir    string
	master tink.AEAD

	mu   sync.Mutex
	keys map[string]*namedKey
}

// NewKeyset opens the folder, and makes it on the first start.
func NewKeyset(dir string) (*Keyset, error) {
	raw, err := keyfile.Load(filepath.Join(dir, "master.key"), masterKeySize)
	if err != nil {
		return nil, fmt.Errorf("loading the master key: %w", err)
	}
	master, err := subtle.NewAESGCM(raw)
	if err != nil {
		return nil, fmt.Errorf("using the master key: %w", err)
	}
	return &Keyset{dir: dir, master: master, keys: make(map[string]*namedKey)}, nil
}

// Seal implements Sealer.
func (k *Keyset) Seal(_ context.Context, key string, plain, context []byte) (string, error) {
	if err := checkSeal(key, plain, context); err != nil {
		return "", err
	}
	named, err := k.key(key, true)
	if err != nil {
		return "", err
	}
	aead, err := named.current()
	if err != nil {
		return "", unreadable(err)
	}
	ciphertext, err := aead.Encrypt(plain, context)
	if err != nil {
		return "", fmt.Errorf("sealing with the key %s: %w", key, err)
	}
	return sealedPrefix + base64.RawStdEncoding.EncodeToString(ciphertext), nil
}

// Open implements Sealer.
func (k *Keyset) Open(_ context.Context, key, sealed string, context []byte) ([]byte, error) {
	if err := checkKey(key, context); err != nil {
		return nil, err
	}
	text, ok := strings.CutPrefix(sealed, sealedPrefix)
	if !ok || len(sealed) > maxSealed {
		return nil, notOpening(errors.New("it was not made by a keyset"))
	}
	ciphertext, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil {
		return nil, notOpening(err)
	}
	named, err := k.key(key, false)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, notOpening(fmt.Errorf("there is no key %s", key))
	}
	if err != nil {
		return nil, err
	}
	// current looks at the file first, so that a version which another process
	// added a moment ago is there.
	aead, err := named.current()
	if err != nil {
		return nil, unreadable(err)
	}
	plain, err := aead.Decrypt(ciphertext, context)
	if err != nil {
		return nil, notOpening(err)
	}
	return plain, nil
}

// Rotate implements Rotator.
func (k *Keyset) Rotate(_ context.Context, key string) error {
	if err := checkKey(key, nil); err != nil {
		return err
	}
	named, err := k.key(key, true)
	if err != nil {
		return err
	}
	unlock, err := lockFile(filepath.Join(k.dir, "lock"))
	if err != nil {
		return unreadable(err)
	}
	defer unlock()
	return named.rotate()
}

// Get implements Keeper.
func (k *Keyset) Get(ctx context.Context, path string) (map[string]string, error) {
	if err := checkPath(path); err != nil {
		return nil, err
	}
	sealed, err := os.ReadFile(k.storePath(path))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, noSecret(path)
	}
	if err != nil {
		return nil, unreadable(err)
	}
	plain, err := k.Open(ctx, storeKey, string(sealed), []byte(path))
	if err != nil {
		return nil, fmt.Errorf("opening the secret %s: %w", path, err)
	}
	var values map[string]string
	if err := json.NewDecoder(bytes.NewReader(plain)).Decode(&values); err != nil {
		return nil, fmt.Errorf("reading the secret %s: %w", path, err)
	}
	return values, nil
}

// Put implements Keeper.
func (k *Keyset) Put(ctx context.Context, path string, values map[string]string) error {
	if err := checkPath(path); err != nil {
		return err
	}
	if values == nil {
		values = map[string]string{}
	}
	plain, err := json.Marshal(values)
	if err != nil {
		return fmt.Errorf("writing the secret %s: %w", path, err)
	}
	sealed, err := k.Seal(ctx, storeKey, plain, []byte(path))
	if err != nil {
		return err
	}
	if err := keyfile.Replace(k.storePath(path), []byte(sealed)); err != nil {
		return unreadable(err)
	}
	return nil
}

// storePath makes one file name of a path, so that "a" and "a/b" can both be.
func (k *Keyset) storePath(path string) string {
	return filepath.Join(k.dir, "store", strings.ReplaceAll(path, "/", "%"))
}

// key returns the named key. With create it is made when it is not there;
// otherwise that is fs.ErrNotExist.
func (k *Keyset) key(name string, create bool) (*namedKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if named, ok := k.keys[name]; ok {
		return named, nil
	}
	named := &namedKey{name: name, path: filepath.Join(k.dir, "keys", name+".json"), master: k.master}
	if _, err := named.current(); errors.Is(err, fs.ErrNotExist) && create {
		if err := named.create(); err != nil {
			return nil, unreadable(err)
		}
	} else if errors.Is(err, fs.ErrNotExist) {
		return nil, err
	} else if err != nil {
		return nil, unreadable(err)
	}
	k.keys[name] = named
	return named, nil
}

func unreadable(err error) error {
	return &core.Error{Code: core.CodeUnavailable, Message: "the key folder of the secrets cannot be used", Err: err}
}
