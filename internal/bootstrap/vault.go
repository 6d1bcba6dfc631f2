// SPDX-License-Identifier: MPL-2.0

package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	vault "github.com/hashicorp/vault/api"
)

// authPath is where Vault's JWT method for Nomad stands; `nomad setup vault`
// uses the same, and Nomad's clients name it in jwt_auth_backend_path.
const authPath = "jwt-nomad"

// Role is the Vault role that the job files of control services ask for.
const Role = "muster-service"

// servicePolicy lets a service read and write its own branch of KV and use its
// own transit keys; which are its own follows from the Nomad identity that it
// logged in with. It may add versions to the key that signs and retire them, and
// neither make it exportable nor delete it. The arguments are the KV mount, the
// accessor of the auth method and the transit mount.
const servicePolicy = `
path "%[1]s/data/services/{{identity.entity.aliases.%[2]s.metadata.nomad_job_id}}/*" {
  capabilities = ["create", "read", "update"]
}
path "%[1]s/data/infra/{{identity.entity.aliases.%[2]s.metadata.nomad_job_id}}/*" {
  capabilities = ["read"]
}
path "%[3]s/encrypt/{{identity.entity.aliases.%[2]s.metadata.nomad_job_id}}" {
  capabilities = ["update"]
}
path "%[3]s/decrypt/{{identity.entity.aliases.%[2]s.metadata.nomad_job_id}}" {
  capabilities = ["update"]
}
path "%[3]s/rewrap/{{identity.entity.aliases.%[2]s.metadata.nomad_job_id}}" {
  capabilities = ["update"]
}
path "%[3]s/keys/{{identity.entity.aliases.%[2]s.metadata.nomad_job_id}}-tokens" {
  capabilities = ["read"]
}
path "%[3]s/sign/{{identity.entity.aliases.%[2]s.metadata.nomad_job_id}}-tokens/sha2-256" {
  capabilities = ["update"]
}
path "%[3]s/keys/{{identity.entity.aliases.%[2]s.metadata.nomad_job_id}}-tokens/rotate" {
  capabilities = ["update"]
}
path "%[3]s/keys/{{identity.entity.aliases.%[2]s.metadata.nomad_job_id}}-tokens/config" {
  capabilities       = ["update"]
  allowed_parameters = { "min_decryption_version" = [] }
}
`

func newVault(c Config) (*vault.Client, error) {
	config := vault.DefaultConfig()
	config.Address = c.VaultAddress
	client, err := vault.NewClient(config)
	if err != nil {
		return nil, fmt.Errorf("making the client: %w", err)
	}
	client.SetToken(c.VaultToken)
	return client, nil
}

func prepareVault(ctx context.Context, c Config) error {
	client, err := newVault(c)
	if err != nil {
		return err
	}
	if err := mounts(ctx, c, client); err != nil {
		return err
	}
	for _, service := range c.Encrypting {
		if _, err := client.Logical().WriteWithContext(ctx, c.Transit+"/keys/"+service, map[string]any{"type": "aes256-gcm96"}); err != nil {
			return fmt.Errorf("making the transit key %s: %w", service, err)
		}
		c.say("vault     transit key %s/%s", c.Transit, service)
	}
	for _, service := range c.Signing {
		if _, err := client.Logical().WriteWithContext(ctx, c.Transit+"/keys/"+service+"-tokens", map[string]any{"type": "rsa-2048"}); err != nil {
			return fmt.Errorf("making the transit key %s-tokens: %w", service, err)
		}
		c.say("vault     transit key %s/%s-tokens, which signs", c.Transit, service)
	}
	if c.JWKS == "" {
		c.say("vault     no Nomad address, so no login for its identities")
		return nil
	}
	return login(ctx, c, client)
}

// mounts makes the KV and transit mounts.
func mounts(ctx context.Context, c Config, client *vault.Client) error {
	present, err := client.Sys().ListMountsWithContext(ctx)
	if err != nil {
		return fmt.Errorf("listing mounts: %w", err)
	}
	for path, input := range map[string]*vault.MountInput{
		c.KV:      {Type: "kv", Options: map[string]string{"version": "2"}, Description: "Muster: credentials of its services"},
		c.Transit: {Type: "transit", Description: "Muster: keys that encrypt secrets at rest"},
	} {
		if mount, ok := present[path+"/"]; ok {
			if mount.Type != input.Type {
				return fmt.Errorf("the mount %s is of type %s, not %s: choose another name for it", path, mount.Type, input.Type)
			}
			continue
		}
		if err := client.Sys().MountWithContext(ctx, path, input); err != nil {
			return fmt.Errorf("mounting %s: %w", path, err)
		}
		c.say("vault     mounted %s (%s)", path, input.Type)
	}
	return nil
}

// login lets the control services log in with their Nomad identities.
func login(ctx context.Context, c Config, client *vault.Client) error {
	accessor, err := authMethod(ctx, c, client)
	if err != nil {
		return err
	}
	policy := fmt.Sprintf(servicePolicy, c.KV, accessor, c.Transit)
	if err := client.Sys().PutPolicyWithContext(ctx, Role, policy); err != nil {
		return fmt.Errorf("writing the policy %s: %w", Role, err)
	}
	for path, data := range map[string]map[string]any{
		"auth/" + authPath + "/config": {"jwks_url": c.JWKS, "jwt_supported_algs": []string{"RS256", "EdDSA"}, "default_role": Role},
		"auth/" + authPath + "/role/" + Role: {
			"role_type": "jwt", "bound_audiences": []string{"vault.io"},
			"bound_claims": map[string]any{"nomad_namespace": c.Namespace},
			"user_claim":   "/nomad_job_id", "user_claim_json_pointer": true,
			"claim_mappings": map[string]any{"nomad_namespace": "nomad_namespace", "nomad_job_id": "nomad_job_id", "nomad_task": "nomad_task"},
			"token_type":     "service", "token_policies": []string{Role}, "token_period": "30m", "token_explicit_max_ttl": 0,
		},
	} {
		if _, err := client.Logical().WriteWithContext(ctx, path, data); err != nil {
			return fmt.Errorf("writing %s: %w", path, err)
		}
	}
	c.say("vault     identities of Nomad's namespace %s log in at auth/%s with the role %s", c.Namespace, authPath, Role)
	_, err = credential(ctx, c, client, SuperuserPath, "postgres")
	return err
}

// authMethod enables the JWT method and returns its accessor.
func authMethod(ctx context.Context, c Config, client *vault.Client) (string, error) {
	for {
		methods, err := client.Sys().ListAuthWithContext(ctx)
		if err != nil {
			return "", fmt.Errorf("listing auth methods: %w", err)
		}
		if method, ok := methods[authPath+"/"]; ok {
			return method.Accessor, nil
		}
		err = client.Sys().EnableAuthWithOptionsWithContext(ctx, authPath, &vault.EnableAuthOptions{Type: "jwt", Description: "Nomad's workload identities"})
		if err != nil {
			return "", fmt.Errorf("enabling the auth method: %w", err)
		}
	}
}

// stored returns the string fields of a KV secret, nil when there is none.
func stored(ctx context.Context, c Config, client *vault.Client, path string) (map[string]any, error) {
	secret, err := client.KVv2(c.KV).Get(ctx, path)
	var status *vault.ResponseError
	switch {
	case errors.Is(err, vault.ErrSecretNotFound), errors.As(err, &status) && status.StatusCode == http.StatusNotFound:
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("reading %s/%s: %w", c.KV, path, err)
	}
	return secret.Data, nil
}

// credential returns the password kept at a KV path, making one the first time.
// Check-and-set sees to it that two runs at once agree on one password.
func credential(ctx context.Context, c Config, client *vault.Client, path, username string) (string, error) {
	for range 5 {
		data, err := stored(ctx, c, client, path)
		if err != nil {
			return "", err
		}
		if kept, ok := data["password"].(string); ok {
			return kept, nil
		}
		_, err = client.KVv2(c.KV).Put(ctx, path, map[string]any{"username": username, "password": password()}, vault.WithCheckAndSet(0))
		if err != nil {
			var status *vault.ResponseError
			if errors.As(err, &status) && status.StatusCode == http.StatusBadRequest {
				continue // somebody else was first; read theirs
			}
			return "", fmt.Errorf("writing %s/%s: %w", c.KV, path, err)
		}
		c.say("vault     made a password for %s at %s/%s", username, c.KV, path)
	}
	return "", fmt.Errorf("%s/%s keeps changing while it is written", c.KV, path)
}

// SuperuserPath is where the password of PostgreSQL's superuser is kept, for
// jobs/infra/postgres.nomad.hcl to read.
const SuperuserPath = "infra/postgres/superuser"

// Superuser returns the password of PostgreSQL's superuser out of Vault, making
// one the first time.
func Superuser(ctx context.Context, c Config) (string, error) {
	client, err := newVault(c)
	if err != nil {
		return "", err
	}
	return credential(ctx, c, client, SuperuserPath, "postgres")
}
