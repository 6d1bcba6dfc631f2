// SPDX-License-Identifier: MPL-2.0

package core

import (
	"context"
	"time"
)

// User is a person, or a machine that acts like one.
type User struct {
	ID    UserID `json:"id"`
	Login string `json:"login"`
	Name  string `json:"name"`
	// Admin may do everything on this installation. Roles come with a later
	// service; until then a user without it may read and trigger, not create.
	Admin bool `json:"admin,omitempty"`
}

// Token is a personal API token as it is shown after its making: the value
// itself is seen once and stored only as a hash.
type Token struct {
	ID        TokenID   `json:"id"`
	User      UserID    `json:"user_id"`
	Label     string    `json:"label"`
	CreatedAt time.Time `json:"created_at"`
}

// NewToken is a token with its value, returned once by CreateToken.
type NewToken struct {
	Token
	Value string `json:"value"`
}

// Identity knows users and their tokens.
type Identity interface {
	// Authenticate returns the user of a token value, CodeUnauthorized when
	// there is none.
	Authenticate(ctx context.Context, value string) (User, error)
	// CreateToken makes a personal token.
	CreateToken(ctx context.Context, t Token) (NewToken, error)
	// ListTokens returns a user's tokens, newest first, without values.
	ListTokens(ctx context.Context, user UserID) ([]Token, error)
	// RevokeToken ends a token at once.
	RevokeToken(ctx context.Context, id TokenID) error
	// CreateUser makes a user; a taken login is CodeConflict.
	CreateUser(ctx context.Context, u User) (User, error)
	// User returns one by id, CodeNotFound otherwise.
	User(ctx context.Context, id UserID) (User, error)
}
