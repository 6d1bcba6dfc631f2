// SPDX-License-Identifier: MPL-2.0

package identity

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/muster-ci/muster/core"
)

// sign makes a JSON Web Token of each set of claims, all with the key that signs
// now. When the signer has that version no more, or another key under its number,
// the table is brought in line with it and the second try is the last.
func (s *Service) sign(ctx context.Context, all ...jobClaims) ([]string, error) {
	var failed error
	for range 2 {
		rows, err := s.signingKeys(ctx)
		if err != nil {
			return nil, err
		}
		i := rows.current(s.deps.Clock())
		if i < 0 {
			return nil, core.Errorf(core.CodeUnavailable, "there is no key that signs tokens of jobs")
		}
		tokens, err := s.signWith(ctx, rows[i], all)
		if core.ErrorCode(err) != core.CodeInvalid {
			return tokens, err
		}
		failed = err
		if _, err := s.publish(ctx); err != nil {
			return nil, err
		}
	}
	return nil, &core.Error{Code: core.CodeUnavailable, Message: "the key that signs tokens of jobs changes while it signs", Err: failed}
}

// signWith returns CodeInvalid when the key does not sign. The signatures are
// verified: a token that nobody can check has no use for a job.
func (s *Service) signWith(ctx context.Context, row signingKeyRow, all []jobClaims) ([]string, error) {
	inputs := make([][]byte, len(all))
	for i, claims := range all {
		input, err := signingInput(row.ID, claims)
		if err != nil {
			return nil, err
		}
		inputs[i] = input
	}
	signatures, err := s.deps.Signer.Sign(ctx, signerKey, row.Version, inputs...)
	if err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	public, ok := row.Public.V.Key.(*rsa.PublicKey)
	if !ok {
		return nil, core.Errorf(core.CodeInternal, "the signing key %s is a %T", row.ID, row.Public.V.Key)
	}
	tokens := make([]string, len(all))
	for i, input := range inputs {
		sum := sha256.Sum256(input)
		if err := rsa.VerifyPKCS1v15(public, crypto.SHA256, sum[:], signatures[i]); err != nil {
			return nil, &core.Error{Code: core.CodeInvalid, Message: "the signer's key is not the one that is served", Err: err}
		}
		tokens[i] = string(input) + "." + base64.RawURLEncoding.EncodeToString(signatures[i])
	}
	return tokens, nil
}

// signingInput is header and payload of RFC 7515, section 5.1.
func signingInput(keyID string, claims jobClaims) ([]byte, error) {
	header, err := json.Marshal(struct {
		Algorithm string `json:"alg"`
		KeyID     string `json:"kid"`
		Type      string `json:"typ"`
	}{"RS256", keyID, "JWT"})
	if err != nil {
		return nil, fmt.Errorf("encoding the header: %w", err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return nil, fmt.Errorf("encoding the claims: %w", err)
	}
	input := base64.RawURLEncoding.AppendEncode(nil, header)
	return base64.RawURLEncoding.AppendEncode(append(input, '.'), payload), nil
}
