// SPDX-License-Identifier: MPL-2.0

package api

import "time"

// SSHKey is a public key of a user.
type SSHKey struct {
	ID          string    `json:"id" format:"uuid"`
	Label       string    `json:"label"`
	PublicKey   string    `json:"public_key"`
	Fingerprint string    `json:"fingerprint" doc:"SHA256:..."`
	CreatedAt   time.Time `json:"created_at"`
}

// NewSSHKey asks for a key to be added.
type NewSSHKey struct {
	PublicKey string `json:"public_key" doc:"one line, as in a file that ends in .pub"`
	Label     string `json:"label,omitempty" doc:"default: the comment of the key"`
}

// SSHPlace is where a task can be logged in to.
type SSHPlace struct {
	Index   int    `json:"index"`
	Attempt string `json:"attempt"`
	Address string `json:"address,omitempty" doc:"host:port; left out where the gateway is the only way"`
	HostKey string `json:"host_key" doc:"the server's public key"`
}

// OIDCClaims are what tokens of jobs say instead of the default.
type OIDCClaims struct {
	Audience   []string   `json:"audience,omitempty"`
	AudienceAt *time.Time `json:"audience_updated_at,omitempty"`
	OrgID      string     `json:"org_id" format:"uuid"`
	ProjectID  string     `json:"project_id,omitempty" format:"uuid"`
	TTL        string     `json:"ttl,omitempty" doc:"such as 1h"`
	TTLAt      *time.Time `json:"ttl_updated_at,omitempty"`
}

// OIDCClaimsChange sets some of them.
type OIDCClaimsChange struct {
	Audience *[]string `json:"audience,omitempty"`
	TTL      *string   `json:"ttl,omitempty" doc:"such as 1h or 90m"`
}

// OIDCDiscovery is an OpenID Connect discovery document.
type OIDCDiscovery struct {
	Issuer        string   `json:"issuer"`
	JWKSURI       string   `json:"jwks_uri"`
	Subjects      []string `json:"subject_types_supported"`
	ResponseTypes []string `json:"response_types_supported"`
	Algorithms    []string `json:"id_token_signing_alg_values_supported"`
	Scopes        []string `json:"scopes_supported"`
	Claims        []string `json:"claims_supported"`
}

// KeySet is a JSON Web Key Set (RFC 7517).
type KeySet struct {
	Keys []map[string]any `json:"keys"`
}
