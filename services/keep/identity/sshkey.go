// SPDX-License-Identifier: MPL-2.0

package identity

import (
	"context"
	"crypto/rsa"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/uptrace/bun"
	"golang.org/x/crypto/ssh"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
)

const (
	// maxSSHKey is the most bytes of a key; the largest RSA key in use has 3 KiB.
	maxSSHKey = 8 << 10
	// minRSA is the least size of an RSA key, which OpenSSH asks for as well.
	minRSA = 2048
)

type sshKeyRow struct {
	bun.BaseModel `bun:"table:ssh_keys,alias:k"`

	ID          core.SSHKeyID `bun:"id,pk"`
	UserID      core.UserID   `bun:"user_id"`
	Label       string        `bun:"label"`
	PublicKey   string        `bun:"public_key"`
	Fingerprint string        `bun:"fingerprint"`
	CreatedAt   store.Time    `bun:"created_at"`
}

func (r sshKeyRow) key() core.SSHKey {
	return core.SSHKey{ID: r.ID, User: r.UserID, Label: r.Label, PublicKey: r.PublicKey, Fingerprint: r.Fingerprint, CreatedAt: r.CreatedAt.Time()}
}

// AddSSHKey implements core.SSHKeys. The label may be empty: it is the key's
// comment then.
func (s *Service) AddSSHKey(ctx context.Context, k core.SSHKey) (core.SSHKey, error) {
	row, err := readSSHKey(k)
	if err != nil {
		return core.SSHKey{}, err
	}
	if row.ID == "" {
		row.ID = core.SSHKeyID(s.deps.NewID())
	}
	row.CreatedAt = store.At(s.deps.Clock())
	known := sshKeyRow{}
	err = s.deps.DB.Tx(ctx, func(ctx context.Context, tx bun.Tx) error {
		known = sshKeyRow{}
		found, err := tx.NewSelect().Model(&known).Where("fingerprint = ?", row.Fingerprint).Exists(ctx)
		if err != nil {
			return err
		}
		if found {
			return tx.NewSelect().Model(&known).Where("fingerprint = ?", row.Fingerprint).Scan(ctx)
		}
		n, err := tx.NewSelect().Model((*sshKeyRow)(nil)).Where("user_id = ?", row.UserID).Count(ctx)
		if err != nil {
			return err
		}
		if n >= int64(s.cfg.MaxSSHKeys) {
			return core.Errorf(core.CodeExhausted, "You have %d SSH keys, which is the limit; remove one that is no longer used.", n)
		}
		_, err = tx.NewInsert().Model(row).Exec(ctx)
		return err
	})
	switch {
	case store.IsUnique(err):
		return core.SSHKey{}, core.Errorf(core.CodeConflict, "That key is being added already; try again.")
	case err != nil:
		return core.SSHKey{}, doing("storing the SSH key", err)
	case known.ID == "":
		s.deps.Logger.Info("ssh key added", "user_id", row.UserID, "key_id", row.ID, "fingerprint", row.Fingerprint)
		return row.key(), nil
	case known.UserID != row.UserID:
		return core.SSHKey{}, core.Errorf(core.CodeConflict, "That key belongs to another user.")
	}
	return known.key(), nil
}

// readSSHKey checks a key and takes from it what is kept.
func readSSHKey(k core.SSHKey) (*sshKeyRow, error) {
	if k.User == "" {
		return nil, core.Errorf(core.CodeInvalid, "An SSH key needs a user.")
	}
	if strings.Contains(k.PublicKey, "PRIVATE KEY") {
		return nil, core.Errorf(core.CodeInvalid, "That is a private key, which nobody else should see; give the file that ends in .pub. Consider the key as known to others now, and make a new one.")
	}
	if len(k.PublicKey) > maxSSHKey {
		return nil, core.Errorf(core.CodeInvalid, "The key has %d bytes; %d are the most.", len(k.PublicKey), maxSSHKey)
	}
	key, comment, options, rest, err := ssh.ParseAuthorizedKey([]byte(k.PublicKey))
	if err != nil || len(options) > 0 || strings.TrimSpace(string(rest)) != "" {
		return nil, core.Errorf(core.CodeInvalid, "That is no SSH public key; give one line such as \"ssh-ed25519 AAAA... name\", from a file that ends in .pub.")
	}
	if err := strong(key); err != nil {
		return nil, err
	}
	label := strings.TrimSpace(k.Label)
	if label == "" {
		label = comment
	}
	if utf8.RuneCountInString(label) > maxLabel || !utf8.ValidString(label) || strings.ContainsRune(label, 0) {
		return nil, core.Errorf(core.CodeInvalid, "The label of a key may have %d characters.", maxLabel)
	}
	return &sshKeyRow{ID: k.ID, UserID: k.User, Label: label, Fingerprint: ssh.FingerprintSHA256(key),
		PublicKey: strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))}, nil
}

// strong refuses kinds of keys that are broken or that nothing here can check.
func strong(key ssh.PublicKey) error {
	switch key.Type() {
	case ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521, ssh.KeyAlgoSKED25519, ssh.KeyAlgoSKECDSA256:
		return nil
	case ssh.KeyAlgoRSA:
		crypto, ok := key.(ssh.CryptoPublicKey)
		if !ok {
			return core.Errorf(core.CodeInvalid, "That RSA key cannot be read.")
		}
		if public, ok := crypto.CryptoPublicKey().(*rsa.PublicKey); ok && public.Size()*8 >= minRSA {
			return nil
		}
		return core.Errorf(core.CodeInvalid, "An RSA key needs %d bits or more; make an Ed25519 key with `ssh-keygen -t ed25519`.", minRSA)
	default:
		return core.Errorf(core.CodeInvalid, "Keys of type %s are not taken; make an Ed25519 key with `ssh-keygen -t ed25519`.", key.Type())
	}
}

// ListSSHKeys implements core.SSHKeys.
func (s *Service) ListSSHKeys(ctx context.Context, user core.UserID) ([]core.SSHKey, error) {
	var rows []sshKeyRow
	if err := s.deps.DB.NewSelect().Model(&rows).Where("user_id = ?", user).Order("created_at", "id").Scan(ctx); err != nil {
		return nil, fmt.Errorf("listing SSH keys: %w", err)
	}
	keys := make([]core.SSHKey, 0, len(rows))
	for _, row := range rows {
		keys = append(keys, row.key())
	}
	return keys, nil
}

// RemoveSSHKey implements core.SSHKeys.
func (s *Service) RemoveSSHKey(ctx context.Context, k core.SSHKey) error {
	result, err := s.deps.DB.NewDelete().Model((*sshKeyRow)(nil)).Where("id = ?", k.ID).Where("user_id = ?", k.User).Exec(ctx)
	if err != nil {
		return fmt.Errorf("removing an SSH key: %w", err)
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return core.Errorf(core.CodeNotFound, "You have no such SSH key.")
	}
	s.deps.Logger.Info("ssh key removed", "user_id", k.User, "key_id", k.ID)
	return nil
}
