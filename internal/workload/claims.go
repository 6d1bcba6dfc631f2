// SPDX-License-Identifier: MPL-2.0

package workload

import (
	"context"
	"errors"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/muster-ci/muster/core"
)

// Claims say who a workload is.
type Claims struct {
	JobID        string // Nomad's job; an AttemptID for a build
	AllocationID string
	Task         string
	Namespace    string
	// ExpiresAt is zero for a token without an end, which only a JWKS with
	// AllowUnending lets pass.
	ExpiresAt time.Time
}

// Verifier checks tokens. It is safe for use by several goroutines.
type Verifier interface {
	// Verify returns the claims of a token that was signed by the issuer for
	// our audience and is valid now. A bad token is CodeUnauthorized, keys that
	// cannot be had are CodeUnavailable: ask again.
	Verify(ctx context.Context, token string) (Claims, error)
}

const (
	// maxToken bounds what is parsed. Nomad's tokens have about 1 KiB.
	maxToken = 8 << 10
	// leeway is how far the clocks of issuer and verifier may differ.
	leeway = 30 * time.Second
)

// body is the part of a token that Nomad adds to the registered claims.
type body struct {
	JobID        string `json:"nomad_job_id"`
	AllocationID string `json:"nomad_allocation_id"`
	Task         string `json:"nomad_task"`
	Namespace    string `json:"nomad_namespace"`
}

// keyring finds the public key that a token names.
type keyring interface {
	// key returns CodeUnauthorized for a key id that the issuer does not have
	// and CodeUnavailable when that could not be found out.
	key(ctx context.Context, id string) (publicKey, error)
}

// publicKey is bound to one algorithm, so that a token cannot choose how its
// own signature is checked.
type publicKey struct {
	algorithm jose.SignatureAlgorithm
	key       any
}

// checker is what both verifiers share: all but where the keys come from.
type checker struct {
	audience      string
	issuer        string // "" accepts any
	allowUnending bool
	clock         core.Clock
	keys          keyring
	verified      *cache
}

// verify checks size, signature, times, audience and claims, in this order.
func (c *checker) verify(ctx context.Context, token string) (Claims, error) {
	if token == "" || len(token) > maxToken {
		return Claims{}, refuse("the workload identity token is empty or too long", nil)
	}
	if claims, ok := c.verified.get(token, c.clock()); ok {
		return claims, nil
	}
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.RS256, jose.EdDSA})
	if err != nil {
		return Claims{}, refuse("the workload identity token is not a JWT signed with RS256 or EdDSA", err)
	}
	header := parsed.Headers[0]
	key, err := c.keys.key(ctx, header.KeyID)
	if err != nil {
		return Claims{}, err
	}
	if header.Algorithm != string(key.algorithm) {
		return Claims{}, refuse("the workload identity token is signed with an algorithm that is not its key's", nil)
	}
	var registered jwt.Claims
	var nomad body
	if err := parsed.Claims(key.key, &registered, &nomad); err != nil {
		return Claims{}, refuse("the signature of the workload identity token is not its issuer's", err)
	}
	claims, err := c.validate(registered, nomad)
	if err != nil {
		return Claims{}, err
	}
	c.verified.put(token, claims, c.clock())
	return claims, nil
}

func (c *checker) validate(registered jwt.Claims, nomad body) (Claims, error) {
	expected := jwt.Expected{Issuer: c.issuer, AnyAudience: jwt.Audience{c.audience}, Time: c.clock()}
	if err := registered.ValidateWithLeeway(expected, leeway); err != nil {
		return Claims{}, refuse(reason(err), err)
	}
	claims := Claims{JobID: nomad.JobID, AllocationID: nomad.AllocationID, Task: nomad.Task, Namespace: nomad.Namespace}
	switch {
	case registered.Expiry != nil:
		claims.ExpiresAt = registered.Expiry.Time()
	case !c.allowUnending:
		return Claims{}, refuse("the workload identity token never expires; set ttl in the job's identity block", nil)
	}
	if claims.JobID == "" || claims.AllocationID == "" || claims.Task == "" || claims.Namespace == "" {
		return Claims{}, refuse("the workload identity token does not name job, allocation, task and namespace", nil)
	}
	return claims, nil
}

func reason(err error) string {
	switch {
	case errors.Is(err, jwt.ErrExpired):
		return "the workload identity token has expired"
	case errors.Is(err, jwt.ErrInvalidAudience):
		return "the workload identity token is for another audience"
	case errors.Is(err, jwt.ErrNotValidYet), errors.Is(err, jwt.ErrIssuedInTheFuture):
		return "the workload identity token is not valid yet; compare the clocks"
	default:
		return "the claims of the workload identity token are not acceptable"
	}
}

func refuse(message string, err error) error {
	return &core.Error{Code: core.CodeUnauthorized, Message: message, Err: err}
}
