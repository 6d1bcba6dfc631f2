// SPDX-License-Identifier: MPL-2.0

package api

import "time"

// User is the answer of /me.
type User struct {
	ID    string `json:"id" format:"uuid"`
	Login string `json:"login"`
	Name  string `json:"name"`
	Admin bool   `json:"admin,omitempty" doc:"Muster: may do everything on this installation"`
}

// Collaboration is an organization that the user can see.
type Collaboration struct {
	ID        string `json:"id" format:"uuid"`
	VCSType   string `json:"vcs-type" doc:"github, bitbucket or circleci"`
	Name      string `json:"name"`
	AvatarURL string `json:"avatar_url"`
	Slug      string `json:"slug"`
}

// Token is a personal token without its value.
type Token struct {
	ID        string    `json:"id" format:"uuid"`
	Label     string    `json:"label"`
	CreatedAt time.Time `json:"created_at"`
}

// NewToken asks for a personal token.
type NewToken struct {
	Label  string `json:"label,omitempty"`
	UserID string `json:"user_id,omitempty" doc:"for another user; administrators only"`
}

// CreatedToken is a token with its value, which is shown this once.
type CreatedToken struct {
	Token
	Value string `json:"value"`
}

// NewUser asks for a user.
type NewUser struct {
	Login string `json:"login"`
	Name  string `json:"name,omitempty"`
	Admin bool   `json:"admin,omitempty"`
}
