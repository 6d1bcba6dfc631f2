// SPDX-License-Identifier: MPL-2.0

package bootstrap

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
)

// Config says what to prepare and with whose rights. An empty address leaves
// that part out.
type Config struct {
	VaultAddress, VaultToken   string
	NomadAddress, NomadToken   string
	ConsulAddress, ConsulToken string

	// JWKS is where Vault and Consul fetch Nomad's keys; empty means the Nomad
	// address. It differs where they reach Nomad by another name.
	JWKS string

	// DatabaseURL is the superuser's, as postgres://user:password@host/database.
	DatabaseURL string

	Transit, KV string   // mounts in Vault
	Namespace   string   // of the control services in Nomad
	Builds      string   // namespace and node pool of builds in Nomad
	Tables      []string // services that own tables
	Encrypting  []string // services with a transit key
	Signing     []string // services with a transit key that signs tokens
	Out         io.Writer
}

// Run prepares everything that has an address, printing one line a step.
func Run(ctx context.Context, c Config) error {
	if c.JWKS == "" && c.NomadAddress != "" {
		c.JWKS = c.NomadAddress + "/.well-known/jwks.json"
	}
	for _, part := range []struct {
		name   string
		wanted bool
		run    func(context.Context, Config) error
	}{
		{"vault", c.VaultAddress != "", prepareVault},
		{"nomad", c.NomadAddress != "", prepareNomad},
		{"consul", c.ConsulAddress != "", prepareConsul},
		{"database", c.DatabaseURL != "", prepareDatabase},
	} {
		if !part.wanted {
			c.say("%-9s left out: no address was given", part.name)
			continue
		}
		if err := part.run(ctx, c); err != nil {
			return fmt.Errorf("preparing %s: %w", part.name, err)
		}
	}
	return nil
}

// say prints one line of progress.
func (c Config) say(format string, args ...any) {
	fmt.Fprintf(c.Out, format+"\n", args...)
}

// password returns 26 characters of base32, which need no quoting anywhere.
func password() string { return rand.Text() }
