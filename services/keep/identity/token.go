// SPDX-License-Identifier: MPL-2.0

package identity

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"strings"
	"unicode/utf8"

	"github.com/muster-ci/muster/core"
)

const (
	// Prefix marks a value as a personal token of Muster.
	Prefix   = "mst_"
	alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	length   = 40
	maxValue = 256
	maxLabel = 200
)

// newValue returns a fresh random token value.
func newValue() string {
	value := make([]byte, 0, len(Prefix)+length)
	value = append(value, Prefix...)
	for len(value) < cap(value) {
		var block [64]byte
		rand.Read(block[:]) // never fails: crypto/rand ends the process instead
		for _, b := range block {
			// 248 is the largest multiple of 62 in a byte; taking what lies above
			// would favour the first characters of the alphabet.
			if b < 248 && len(value) < cap(value) {
				value = append(value, alphabet[b%62])
			}
		}
	}
	return string(value)
}

// hashOf is what of a value is stored. Looking a hash up by an ordinary index
// is safe: how long it takes depends on bits of SHA-256, which a caller who
// does not know the value cannot steer.
func hashOf(value string) []byte {
	sum := sha256.Sum256([]byte(value))
	return sum[:]
}

// Authenticate implements core.Identity. Nothing is cached, so a revoked token
// is refused by the very next call.
func (s *Service) Authenticate(ctx context.Context, value string) (core.User, error) {
	value = strings.TrimSpace(value)
	if value == "" || len(value) > maxValue {
		return core.User{}, errUnknownToken()
	}
	return s.userByHash(ctx, hashOf(value))
}

func errUnknownToken() error {
	return core.Errorf(core.CodeUnauthorized, "That token is not known; it may have been revoked.")
}

// CreateToken implements core.Identity. The given id may be empty. A repeated
// call with an id is refused as CodeConflict, not answered again: the value of
// the first answer is stored nowhere.
func (s *Service) CreateToken(ctx context.Context, t core.Token) (core.NewToken, error) {
	t.Label = strings.TrimSpace(t.Label)
	if t.Label == "" {
		t.Label = "personal token"
	}
	if utf8.RuneCountInString(t.Label) > maxLabel {
		return core.NewToken{}, core.Errorf(core.CodeInvalid, "The label of a token may have %d characters.", maxLabel)
	}
	if t.ID == "" {
		t.ID = core.TokenID(s.deps.NewID())
	}
	t.CreatedAt = s.deps.Clock().UTC()
	value := newValue()
	if err := s.insertToken(ctx, t, hashOf(value)); err != nil {
		return core.NewToken{}, err
	}
	s.deps.Logger.Info("token created", "token_id", t.ID, "user_id", t.User)
	return core.NewToken{Token: t, Value: value}, nil
}

// RevokeToken implements core.Identity.
func (s *Service) RevokeToken(ctx context.Context, id core.TokenID) error {
	if err := s.deleteToken(ctx, id); err != nil {
		return err
	}
	s.deps.Logger.Info("token revoked", "token_id", id)
	return nil
}
