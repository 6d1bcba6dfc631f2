// SPDX-License-Identifier: MPL-2.0

package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/muster-ci/muster/internal/bootstrap"
)

const bootstrapHelp = `Prepares Vault, Nomad, Consul and PostgreSQL for Muster's control services.

Each part is prepared when its address is set, by the variables that its own
command uses:

  VAULT_ADDR, VAULT_TOKEN               mounts, transit keys, login for Nomad's identities
  NOMAD_ADDR, NOMAD_TOKEN               namespaces, node pool, ACL policy of placements
  CONSUL_HTTP_ADDR, CONSUL_HTTP_TOKEN   login for Nomad's identities, where ACLs are on
  MUSTER_DATABASE_URL, VAULT_ADDR       one role per service (a superuser's postgres:// URL)

It may be run again at any time; what is as it should be is left alone.`

// bootstrapCommand is `muster bootstrap`.
func bootstrapCommand() *cobra.Command {
	config := bootstrap.Config{}
	var only string
	cmd := &cobra.Command{
		Use:   "bootstrap",
		Short: "Prepare Vault, Nomad, Consul and PostgreSQL",
		Long:  bootstrapHelp,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			config.Out = cmd.OutOrStdout()
			config.Tables, config.Encrypting, config.Signing = withTables(), []string{"output", "pipelines", "projects"}, []string{"identity"}
			if err := bootstrapTargets(&config, only); err != nil {
				return err
			}
			return bootstrap.Run(cmd.Context(), config)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&only, "only", "", "prepare one part only: vault, nomad, consul or database")
	flags.StringVar(&config.JWKS, "jwks", "", "where Vault and Consul fetch Nomad's keys (default $NOMAD_ADDR/.well-known/jwks.json)")
	flags.StringVar(&config.Transit, "transit", "muster-transit", "Vault mount of the transit keys")
	flags.StringVar(&config.KV, "kv", "muster", "Vault mount of the credentials")
	flags.StringVar(&config.Namespace, "namespace", "muster", "Nomad namespace of the control services")
	flags.StringVar(&config.Builds, "builds", "muster-builds", "Nomad namespace and node pool of builds")
	return cmd
}

// bootstrapTargets takes the addresses from the environment. The database's
// part needs Vault too, which is not prepared again then.
func bootstrapTargets(config *bootstrap.Config, only string) error {
	set := func(part string, address, token *string, addressName, tokenName string) {
		if only == "" || only == part {
			*address, *token = os.Getenv(addressName), os.Getenv(tokenName)
		}
	}
	var unused string
	set("vault", &config.VaultAddress, &config.VaultToken, "VAULT_ADDR", "VAULT_TOKEN")
	set("nomad", &config.NomadAddress, &config.NomadToken, "NOMAD_ADDR", "NOMAD_TOKEN")
	set("consul", &config.ConsulAddress, &config.ConsulToken, "CONSUL_HTTP_ADDR", "CONSUL_HTTP_TOKEN")
	set("database", &config.DatabaseURL, &unused, "MUSTER_DATABASE_URL", "")
	config.JWKS = cmp.Or(config.JWKS, jwksURL(os.Getenv("NOMAD_ADDR")))
	switch only {
	case "", "vault", "nomad", "consul":
	case "database":
		config.VaultAddress, config.VaultToken = os.Getenv("VAULT_ADDR"), os.Getenv("VAULT_TOKEN")
	default:
		return fmt.Errorf("--only=%s: permitted are vault, nomad, consul and database", only)
	}
	if config.VaultAddress+config.NomadAddress+config.ConsulAddress+config.DatabaseURL == "" {
		return errors.New("nothing to prepare: set VAULT_ADDR, NOMAD_ADDR, CONSUL_HTTP_ADDR or MUSTER_DATABASE_URL; `muster bootstrap --help` says what each prepares")
	}
	return nil
}

func jwksURL(nomad string) string {
	if nomad == "" {
		return ""
	}
	return nomad + "/.well-known/jwks.json"
}
