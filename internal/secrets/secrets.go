// SPDX-License-Identifier: MPL-2.0

package secrets

import (
	"context"
	"regexp"
	"strings"

	"github.com/muster-ci/muster/core"
)

// Sealer encrypts and decrypts. It is safe for use by several goroutines.
//
// Codes of its errors: CodeInvalid for a bad key name, a value over MaxPlain, or
// a sealed text that does not open (damaged, of another key or another context;
// which of these it was is not told); CodeUnavailable when the keys cannot be
// reached or we are refused there: ask again.
type Sealer interface {
	// Seal encrypts plain with the newest version of the named key, which is
	// made when it does not exist. Two calls never give the same text.
	Seal(ctx context.Context, key string, plain, context []byte) (string, error)
	// Open decrypts what Seal made with the same key and context.
	Open(ctx context.Context, key, sealed string, context []byte) ([]byte, error)
}

// Rotator makes new versions of keys.
type Rotator interface {
	// Rotate adds a version to the key, or makes the key. Seal uses the new
	// version at once in this process and soon in others; older texts still open.
	Rotate(ctx context.Context, key string) error
}

// Keeper stores small sets of named values under paths such as "muster/github".
type Keeper interface {
	// Get returns the values at path, CodeNotFound when there are none.
	Get(ctx context.Context, path string) (map[string]string, error)
	// Put replaces all values at path.
	Put(ctx context.Context, path string, values map[string]string) error
}

const (
	// MaxPlain is the size of the largest value that can be sealed.
	MaxPlain = 1 << 20
	// maxSealed holds the largest value after base64 twice and room for headers.
	maxSealed  = 2 * MaxPlain
	maxContext = 4 << 10
)

// The names go into URLs and file names, which the patterns keep harmless.
var (
	keyPattern  = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,63}$`)
	partPattern = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$`)
)

func checkSeal(key string, plain, context []byte) error {
	if len(plain) > MaxPlain {
		return core.Errorf(core.CodeInvalid, "a value of %d bytes is too large to be sealed; %d is the most", len(plain), MaxPlain)
	}
	return checkKey(key, context)
}

func checkKey(key string, context []byte) error {
	if !keyPattern.MatchString(key) {
		return core.Errorf(core.CodeInvalid, "%.80q is not a name for a key: use lower-case letters, digits and '-', 64 at most", key)
	}
	if len(context) > maxContext {
		return core.Errorf(core.CodeInvalid, "the context of a sealed value has %d bytes; %d is the most", len(context), maxContext)
	}
	return nil
}

func checkPath(path string) error {
	parts := strings.Split(path, "/")
	if len(parts) > 8 {
		return core.Errorf(core.CodeInvalid, "the secret path %.80q has more than 8 parts", path)
	}
	for _, part := range parts {
		if !partPattern.MatchString(part) {
			return core.Errorf(core.CodeInvalid, "%.80q is not a secret path: use letters, digits, '_', '.' and '-' between slashes", path)
		}
	}
	return nil
}

func noSecret(path string) error {
	return core.Errorf(core.CodeNotFound, "there is no secret at %q", path)
}

func notOpening(err error) error {
	return &core.Error{Code: core.CodeInvalid, Message: "a sealed value does not open: it is damaged, or belongs to another key or place", Err: err}
}
