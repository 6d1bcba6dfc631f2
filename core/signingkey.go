// SPDX-License-Identifier: MPL-2.0

package core

import (
	"context"
	"time"
)

// SigningKey is a key of the tokens of jobs, without its halves.
type SigningKey struct {
	ID          string    `json:"id"` // kid in the tokens
	State       KeyState  `json:"state"`
	PublishedAt time.Time `json:"published_at"`
	// SignsAt is from when it signs, unless a newer one does then.
	SignsAt time.Time `json:"signs_at"`
	// EndsAt is from when it is served no more; nil while that is not known.
	EndsAt *time.Time `json:"ends_at,omitempty"`
}

// KeyState is where a key is in its life.
type KeyState string

// The states, in their order.
const (
	KeyPublished KeyState = "published" // those who check tokens can know it
	KeySigns     KeyState = "signs"
	KeyServed    KeyState = "served" // for tokens that it has signed
)

// SigningKeyFilter picks keys; empty fields pick all.
type SigningKeyFilter struct {
	ID string `json:"id,omitempty"`
}

// SigningKeyRotation asks for a new key. With Revoke it signs at once and all
// others end: tokens that are in use are refused from when those who check them
// fetch the keys again.
type SigningKeyRotation struct {
	Revoke bool `json:"revoke,omitempty"`
}

// SigningKeys are the keys of tokens of jobs, for administrators.
type SigningKeys interface {
	// ListSigningKeys returns them oldest first.
	ListSigningKeys(ctx context.Context, f SigningKeyFilter) ([]SigningKey, error)
	// RotateSigningKeys makes a key and returns all.
	RotateSigningKeys(ctx context.Context, r SigningKeyRotation) ([]SigningKey, error)
}
