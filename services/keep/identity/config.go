// SPDX-License-Identifier: MPL-2.0

package identity

import (
	"cmp"
	"time"

	"github.com/muster-ci/muster/core"
)

// Config of the identity service.
type Config struct {
	// AdminToken presets the value of the administrator's token, for sites that
	// hand secrets in from outside. A changed value replaces the older preset
	// one at the next start, which is also the way back in when all tokens are
	// lost. Default: none; a random one is made at the first start.
	AdminToken string `hcl:"admin_token,optional"`
	// MaxTokens is how many tokens one user may have. Default: 100.
	MaxTokens int `hcl:"max_tokens,optional"`
	// MaxSSHKeys is how many SSH keys one user may have. Default: 50.
	MaxSSHKeys int `hcl:"max_ssh_keys,optional"`
	// SigningKeyAge is how old a key that signs tokens of jobs may become before
	// a new one takes its place, such as "720h". Default: 720h, 30 days.
	SigningKeyAge string `hcl:"signing_key_age,optional"`
	// Issuer is the address under which tokens of jobs are checked; it has to be
	// the gateway's, and is not to change while tokens are in use. Default: the
	// cluster's base_url.
	Issuer string `hcl:"issuer,optional"`
}

// Default returns the configuration that needs no file.
func Default() Config { return Config{MaxTokens: 100, MaxSSHKeys: 50, SigningKeyAge: "720h"} }

// signingKeyAge is the parsed SigningKeyAge of a validated configuration.
func (c Config) signingKeyAge() time.Duration {
	d, _ := time.ParseDuration(c.SigningKeyAge)
	return d
}

// minPreset keeps presets out of reach of guessing, since values are hashed
// without a work factor.
const minPreset = 24

// withDefaults fills in what is zero of what came later than the first settings.
func (c Config) withDefaults() Config {
	c.MaxSSHKeys = cmp.Or(c.MaxSSHKeys, Default().MaxSSHKeys)
	c.SigningKeyAge = cmp.Or(c.SigningKeyAge, Default().SigningKeyAge)
	return c
}

// Validate tells what is wrong with the configuration.
func (c Config) Validate() error {
	if c.AdminToken != "" && (len(c.AdminToken) < minPreset || len(c.AdminToken) > maxValue) {
		return core.Errorf(core.CodeInvalid, "identity.admin_token has %d characters; it needs %d to %d random ones", len(c.AdminToken), minPreset, maxValue)
	}
	if c.MaxSSHKeys < 1 {
		return core.Errorf(core.CodeInvalid, "identity.max_ssh_keys is %d; it must be at least 1", c.MaxSSHKeys)
	}
	if d, err := time.ParseDuration(c.SigningKeyAge); err != nil || d < 24*time.Hour {
		return core.Errorf(core.CodeInvalid, "identity.signing_key_age is %q; write it like \"720h\", at least 24h", c.SigningKeyAge)
	}
	if c.MaxTokens < 1 {
		return core.Errorf(core.CodeInvalid, "identity.max_tokens is %d; it must be at least 1", c.MaxTokens)
	}
	return nil
}
