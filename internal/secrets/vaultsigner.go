// SPDX-License-Identifier: MPL-2.0

package secrets

import (
	"cmp"
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/muster-ci/muster/core"
)

// SigningKeys implements Signer with a transit key of type rsa-2048. Versions
// below its min_decryption_version are those that were retired.
func (v *Vault) SigningKeys(ctx context.Context, key string) ([]SigningKey, error) {
	if err := checkKey(key, nil); err != nil {
		return nil, err
	}
	var secret *api.Secret
	err := v.call(ctx, func(ctx context.Context) (err error) {
		secret, err = v.client.Logical().ReadWithContext(ctx, v.transit+"/keys/"+key)
		return err
	})
	if status(err) == http.StatusNotFound || err == nil && secret == nil {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the signing key %s: %w", key, err)
	}
	versions, _ := secret.Data["keys"].(map[string]any)
	keys := make([]SigningKey, 0, len(versions))
	for number, value := range versions {
		parsed, err := signingVersion(number, value)
		if err != nil {
			return nil, &core.Error{Code: core.CodeUnavailable, Message: "the transit key " + key + " cannot sign: it has to be of type rsa-2048", Err: err}
		}
		keys = append(keys, parsed)
	}
	slices.SortFunc(keys, func(a, b SigningKey) int { return cmp.Compare(a.Version, b.Version) })
	return keys, nil
}

// signingVersion reads one of the versions in Vault's answer. Keys of types that
// do not sign have a number there.
func signingVersion(number string, value any) (SigningKey, error) {
	version, err := strconv.Atoi(number)
	if err != nil {
		return SigningKey{}, fmt.Errorf("reading the number of a version: %w", err)
	}
	fields, _ := value.(map[string]any)
	text, _ := fields["public_key"].(string)
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return SigningKey{}, fmt.Errorf("version %d has no public key", version)
	}
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return SigningKey{}, fmt.Errorf("reading the public key of version %d: %w", version, err)
	}
	key, ok := public.(*rsa.PublicKey)
	if !ok {
		return SigningKey{}, fmt.Errorf("version %d is a %T", version, public)
	}
	made, _ := fields["creation_time"].(string)
	at, err := time.Parse(time.RFC3339Nano, made)
	if err != nil {
		return SigningKey{}, fmt.Errorf("reading when version %d was made: %w", version, err)
	}
	return SigningKey{Version: version, Public: key, CreatedAt: at.UTC()}, nil
}

// AddSigningKey implements Signer. A service's policy allows adding versions to
// the key that `muster bootstrap` made, and not making it.
func (v *Vault) AddSigningKey(ctx context.Context, key string) error {
	known, err := v.SigningKeys(ctx, key)
	if err != nil {
		return err
	}
	path, data := v.transit+"/keys/"+key+"/rotate", map[string]any(nil)
	if len(known) == 0 {
		path, data = v.transit+"/keys/"+key, map[string]any{"type": "rsa-" + strconv.Itoa(signingBits)}
	}
	if _, err := v.write(ctx, path, data); err != nil {
		return fmt.Errorf("adding a version to the signing key %s: %w", key, err)
	}
	return nil
}

// RetireSigningKeys implements Signer.
func (v *Vault) RetireSigningKeys(ctx context.Context, key string, below int) error {
	if err := checkKey(key, nil); err != nil {
		return err
	}
	if _, err := v.write(ctx, v.transit+"/keys/"+key+"/config", map[string]any{"min_decryption_version": below}); err != nil {
		return fmt.Errorf("retiring versions of the signing key %s: %w", key, err)
	}
	return nil
}

// Sign implements Signer with one call for all messages.
func (v *Vault) Sign(ctx context.Context, key string, version int, messages ...[]byte) ([][]byte, error) {
	if err := checkMessages(key, messages); err != nil {
		return nil, err
	}
	if version < 1 {
		return nil, noVersion(key, version) // 0 would be the newest for Vault
	}
	batch := make([]map[string]string, len(messages))
	for i, m := range messages {
		batch[i] = map[string]string{"input": base64.StdEncoding.EncodeToString(m)}
	}
	secret, err := v.write(ctx, v.transit+"/sign/"+key+"/sha2-256", map[string]any{
		"key_version": version, "batch_input": batch, "signature_algorithm": "pkcs1v15", "marshaling_algorithm": "jws",
	})
	if err != nil {
		return nil, fmt.Errorf("signing with the key %s: %w", key, err)
	}
	results, _ := secret.Data["batch_results"].([]any)
	if len(results) != len(messages) {
		return nil, fmt.Errorf("signing with the key %s: Vault answered %d messages with %d results", key, len(messages), len(results))
	}
	signatures := make([][]byte, len(messages))
	for i, result := range results {
		if signatures[i], err = signature(key, version, result); err != nil {
			return nil, err
		}
	}
	return signatures, nil
}

// signature reads one result, "vault:v<version>:<base64url>".
func signature(key string, version int, result any) ([]byte, error) {
	fields, _ := result.(map[string]any)
	if text, _ := fields["error"].(string); text != "" {
		return nil, &core.Error{Code: core.CodeInvalid, Message: noVersion(key, version).Error(), Err: errors.New(text)}
	}
	text, _ := fields["signature"].(string)
	encoded, ok := strings.CutPrefix(text, "vault:v"+strconv.Itoa(version)+":")
	if !ok {
		return nil, fmt.Errorf("signing with the key %s: Vault's answer has no signature by version %d", key, version)
	}
	raw, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		return nil, fmt.Errorf("signing with the key %s: reading Vault's signature: %w", key, err)
	}
	return raw, nil
}
