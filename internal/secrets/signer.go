// SPDX-License-Identifier: MPL-2.0

package secrets

import (
	"context"
	"crypto/rsa"
	"time"

	"github.com/muster-ci/muster/core"
)

// Signer signs with RSA keys whose private halves stay where they are kept: who
// signs holds none. A key has versions, numbered upwards from 1; each is a pair
// of its own, and stays able to sign until it is retired. It is safe for use by
// several goroutines.
//
// Codes of its errors: CodeInvalid for a bad key name, for messages over their
// bounds and for a version that is not there or was retired; CodeUnavailable
// when the keys cannot be reached or we are refused there: ask again.
type Signer interface {
	// SigningKeys returns the versions that can sign, lowest first, and none when
	// there is no such key.
	SigningKeys(ctx context.Context, key string) ([]SigningKey, error)
	// AddSigningKey adds a version to the key, or makes the key. Two callers at
	// once may add one version each.
	AddSigningKey(ctx context.Context, key string) error
	// RetireSigningKeys has all versions below this one sign no more, for ever.
	RetireSigningKeys(ctx context.Context, key string, below int) error
	// Sign returns a signature for each message, RSASSA-PKCS1-v1_5 with SHA-256,
	// as RS256 of JSON Web Signatures wants it.
	Sign(ctx context.Context, key string, version int, messages ...[]byte) ([][]byte, error)
}

// SigningKey is the public half of a version.
type SigningKey struct {
	Version   int
	Public    *rsa.PublicKey
	CreatedAt time.Time
}

const (
	signingBits = 2048
	// maxMessages and maxMessage bound what is signed at once.
	maxMessages = 16
	maxMessage  = 64 << 10
)

func checkMessages(key string, messages [][]byte) error {
	if len(messages) == 0 || len(messages) > maxMessages {
		return core.Errorf(core.CodeInvalid, "%d messages are to be signed; 1 to %d can be at once", len(messages), maxMessages)
	}
	for _, m := range messages {
		if len(m) > maxMessage {
			return core.Errorf(core.CodeInvalid, "a message of %d bytes is too large to be signed; %d is the most", len(m), maxMessage)
		}
	}
	return checkKey(key, nil)
}

func noVersion(key string, version int) error {
	return core.Errorf(core.CodeInvalid, "the key %s has no version %d that signs", key, version)
}
