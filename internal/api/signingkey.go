// SPDX-License-Identifier: MPL-2.0

package api

import "time"

// SigningKey is a key of the tokens of jobs. State is "published", "signs" or
// "served".
type SigningKey struct {
	ID          string     `json:"id"`
	State       string     `json:"state"`
	PublishedAt time.Time  `json:"published_at"`
	SignsAt     time.Time  `json:"signs_at"`
	EndsAt      *time.Time `json:"ends_at,omitempty"`
}

// SigningKeyRotation asks for a new key; with Revoke it signs at once, and all
// others end.
type SigningKeyRotation struct {
	Revoke bool `json:"revoke,omitempty"`
}
