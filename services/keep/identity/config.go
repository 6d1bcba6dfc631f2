// SPDX-License-Identifier: MPL-2.0

package identity

import "github.com/muster-ci/muster/core"

// Config of the identity service.
type Config struct {
	// AdminToken presets the value of the administrator's token, for sites that
	// hand secrets in from outside. A changed value replaces the older preset
	// one at the next start, which is also the way back in when all tokens are
	// lost. Default: none; a random one is made at the first start.
	AdminToken string `hcl:"admin_token,optional"`
	// MaxTokens is how many tokens one user may have. Default: 100.
	MaxTokens int `hcl:"max_tokens,optional"`
}

// Default returns the configuration that needs no file.
func Default() Config { return Config{MaxTokens: 100} }

// minPreset keeps presets out of reach of guessing, since values are hashed
// without a work factor.
const minPreset = 24

// Validate tells what is wrong with the configuration.
func (c Config) Validate() error {
	if c.AdminToken != "" && (len(c.AdminToken) < minPreset || len(c.AdminToken) > maxValue) {
		return core.Errorf(core.CodeInvalid, "identity.admin_token has %d characters; it needs %d to %d random ones", len(c.AdminToken), minPreset, maxValue)
	}
	if c.MaxTokens < 1 {
		return core.Errorf(core.CodeInvalid, "identity.max_tokens is %d; it must be at least 1", c.MaxTokens)
	}
	return nil
}
