// SPDX-License-Identifier: MPL-2.0

package secrets

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/keyfile"
)

// signingPair is a version as it stands in signing/<name>, which is sealed whole
// with the master key.
type signingPair struct {
	Version   int       `json:"version"`
	CreatedAt time.Time `json:"created_at"`
	Private   []byte    `json:"private"` // PKCS #1
}

// SigningKeys implements Signer.
func (k *Keyset) SigningKeys(_ context.Context, key string) ([]SigningKey, error) {
	if err := checkKey(key, nil); err != nil {
		return nil, err
	}
	pairs, err := k.signingPairs(key)
	if err != nil {
		return nil, err
	}
	keys := make([]SigningKey, 0, len(pairs))
	for _, p := range pairs {
		private, err := x509.ParsePKCS1PrivateKey(p.Private)
		if err != nil {
			return nil, unreadable(fmt.Errorf("reading version %d of %s: %w", p.Version, key, err))
		}
		keys = append(keys, SigningKey{Version: p.Version, Public: &private.PublicKey, CreatedAt: p.CreatedAt})
	}
	return keys, nil
}

// AddSigningKey implements Signer.
func (k *Keyset) AddSigningKey(_ context.Context, key string) error {
	if err := checkKey(key, nil); err != nil {
		return err
	}
	private, err := rsa.GenerateKey(rand.Reader, signingBits)
	if err != nil {
		return fmt.Errorf("making a version of the key %s: %w", key, err)
	}
	return k.changePairs(key, func(pairs []signingPair) ([]signingPair, error) {
		next := signingPair{Version: 1, CreatedAt: time.Now().UTC(), Private: x509.MarshalPKCS1PrivateKey(private)}
		if len(pairs) > 0 {
			next.Version = pairs[len(pairs)-1].Version + 1
		}
		return append(pairs, next), nil
	})
}

// RetireSigningKeys implements Signer. The newest version stays, as in Vault, so
// that no number is given twice.
func (k *Keyset) RetireSigningKeys(_ context.Context, key string, below int) error {
	if err := checkKey(key, nil); err != nil {
		return err
	}
	return k.changePairs(key, func(pairs []signingPair) ([]signingPair, error) {
		if len(pairs) == 0 || below > pairs[len(pairs)-1].Version {
			return nil, core.Errorf(core.CodeInvalid, "the key %s has no version %d to keep", key, below)
		}
		return slices.DeleteFunc(pairs, func(p signingPair) bool { return p.Version < below }), nil
	})
}

// Sign implements Signer.
func (k *Keyset) Sign(_ context.Context, key string, version int, messages ...[]byte) ([][]byte, error) {
	if err := checkMessages(key, messages); err != nil {
		return nil, err
	}
	pairs, err := k.signingPairs(key)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(pairs, func(p signingPair) bool { return p.Version == version })
	if at < 0 {
		return nil, noVersion(key, version)
	}
	private, err := x509.ParsePKCS1PrivateKey(pairs[at].Private)
	if err != nil {
		return nil, unreadable(fmt.Errorf("reading version %d of %s: %w", version, key, err))
	}
	signatures := make([][]byte, len(messages))
	for i, m := range messages {
		sum := sha256.Sum256(m)
		if signatures[i], err = rsa.SignPKCS1v15(nil, private, crypto.SHA256, sum[:]); err != nil {
			return nil, fmt.Errorf("signing with the key %s: %w", key, err)
		}
	}
	return signatures, nil
}

func (k *Keyset) signingPath(key string) string { return filepath.Join(k.dir, "signing", key) }

// signingAbout binds the file to its name, and keeps it apart from keysets.
func signingAbout(key string) []byte { return []byte("signing/" + key) }

// signingPairs reads the file each time: it is small, and another process may
// have changed it.
func (k *Keyset) signingPairs(key string) ([]signingPair, error) {
	sealed, err := os.ReadFile(k.signingPath(key))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, unreadable(err)
	}
	plain, err := k.master.Decrypt(sealed, signingAbout(key))
	if err != nil {
		return nil, unreadable(fmt.Errorf("decrypting the signing key %s with the master key: %w", key, err))
	}
	var pairs []signingPair
	if err := json.Unmarshal(plain, &pairs); err != nil {
		return nil, unreadable(fmt.Errorf("reading the signing key %s: %w", key, err))
	}
	return pairs, nil
}

// changePairs replaces the file by what change makes of it, one change after the
// other, also of several processes.
func (k *Keyset) changePairs(key string, change func([]signingPair) ([]signingPair, error)) error {
	unlock, err := lockFile(filepath.Join(k.dir, "lock"))
	if err != nil {
		return unreadable(err)
	}
	defer unlock()
	pairs, err := k.signingPairs(key)
	if err != nil {
		return err
	}
	if pairs, err = change(pairs); err != nil {
		return err
	}
	plain, err := json.Marshal(pairs)
	if err != nil {
		return fmt.Errorf("writing the signing key %s: %w", key, err)
	}
	sealed, err := k.master.Encrypt(plain, signingAbout(key))
	if err != nil {
		return fmt.Errorf("sealing the signing key %s: %w", key, err)
	}
	if err := keyfile.Replace(k.signingPath(key), sealed); err != nil {
		return unreadable(err)
	}
	return nil
}
