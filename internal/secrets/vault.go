// SPDX-License-Identifier: MPL-2.0

package secrets

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/api"

	"github.com/muster-ci/muster/core"
)

// VaultConfig says where Vault is and who we are there.
type VaultConfig struct {
	// Address such as "https://vault.service.consul:8200"; "" is VAULT_ADDR.
	// TLS settings come from the environment (VAULT_CACERT and so on), where
	// Vault's own tools look for them.
	Address string
	// TokenFile holds the token; it is read again when Vault refuses the one
	// that was in it. In a Nomad task with a vault block it is
	// "${NOMAD_SECRETS_DIR}/vault_token".
	TokenFile string
	// Token is used when TokenFile is "".
	Token string
	// TransitMount is where the transit engine is mounted; "" is "transit".
	TransitMount string
	// StoreMount is where the KV version 2 engine is mounted; "" is "secret".
	StoreMount string
	// Timeout of one call with its repetitions; 0 is 15 seconds.
	Timeout time.Duration
	Logger  hclog.Logger
}

// Vault is the Sealer, Rotator, Signer and Keeper of a cluster. Its policy needs
// update on <transit>/encrypt/<key> and decrypt/<key>, create on encrypt/<key>
// if keys shall be made on first use, and read, create and update on
// <store>/data/<path>; to sign, read on <transit>/keys/<key> and update on
// sign/<key>/sha2-256, keys/<key>/rotate and keys/<key>/config.
type Vault struct {
	client  *api.Client
	token   *token
	transit string
	store   string
	timeout time.Duration
}

// NewVault makes a client. It calls nothing yet, so that a service can start
// while Vault is sealed; a token file that is not there is an error.
func NewVault(cfg VaultConfig) (*Vault, error) {
	settings := api.DefaultConfig()
	if settings.Error != nil {
		return nil, fmt.Errorf("reading Vault's settings from the environment: %w", settings.Error)
	}
	if cfg.Address != "" {
		settings.Address = cfg.Address
	}
	if cfg.Logger == nil {
		cfg.Logger = hclog.NewNullLogger()
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 15 * time.Second
	}
	// Short repetitions here ride out a change of leader; a longer outage is
	// the caller's to wait for.
	settings.MaxRetries, settings.MinRetryWait, settings.MaxRetryWait = 2, 100*time.Millisecond, time.Second
	settings.Timeout = cfg.Timeout
	client, err := api.NewClient(settings)
	if err != nil {
		return nil, fmt.Errorf("making a Vault client: %w", err)
	}
	token := &token{file: cfg.TokenFile, fixed: cfg.Token, logger: cfg.Logger}
	first, err := token.read()
	if err != nil {
		return nil, err
	}
	client.SetToken(first)
	return &Vault{
		client: client, token: token, timeout: cfg.Timeout,
		transit: or(cfg.TransitMount, "transit"), store: or(cfg.StoreMount, "secret"),
	}, nil
}

func or(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return strings.Trim(value, "/")
}

// Seal implements Sealer.
func (v *Vault) Seal(ctx context.Context, key string, plain, context []byte) (string, error) {
	if err := checkSeal(key, plain, context); err != nil {
		return "", err
	}
	secret, err := v.write(ctx, v.transit+"/encrypt/"+key, withContext("plaintext", base64.StdEncoding.EncodeToString(plain), context))
	if err != nil {
		return "", fmt.Errorf("sealing with the key %s: %w", key, err)
	}
	sealed, ok := secret.Data["ciphertext"].(string)
	if !ok {
		return "", fmt.Errorf("sealing with the key %s: Vault's answer has no ciphertext", key)
	}
	return sealed, nil
}

// Open implements Sealer.
func (v *Vault) Open(ctx context.Context, key, sealed string, context []byte) ([]byte, error) {
	if err := checkKey(key, context); err != nil {
		return nil, err
	}
	if !strings.HasPrefix(sealed, "vault:v") || len(sealed) > maxSealed {
		return nil, notOpening(errors.New("it was not made by Vault"))
	}
	secret, err := v.write(ctx, v.transit+"/decrypt/"+key, withContext("ciphertext", sealed, context))
	if core.ErrorCode(err) == core.CodeInvalid {
		return nil, notOpening(err)
	}
	if err != nil {
		return nil, fmt.Errorf("opening with the key %s: %w", key, err)
	}
	// Vault leaves an empty plaintext out of its answer's data or sends "".
	text, _ := secret.Data["plaintext"].(string)
	plain, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("opening with the key %s: Vault's answer is not base64: %w", key, err)
	}
	return plain, nil
}

// withContext binds the context as associated data. Transit's own "context"
// derives a key per value, which would need keys of another kind and gives
// nothing more.
func withContext(name, value string, context []byte) map[string]any {
	data := map[string]any{name: value}
	if len(context) > 0 {
		data["associated_data"] = base64.StdEncoding.EncodeToString(context)
	}
	return data
}

// Rotate implements Rotator.
func (v *Vault) Rotate(ctx context.Context, key string) error {
	if err := v.CreateKey(ctx, key); err != nil {
		return err
	}
	if _, err := v.write(ctx, v.transit+"/keys/"+key+"/rotate", nil); err != nil {
		return fmt.Errorf("rotating the key %s: %w", key, err)
	}
	return nil
}

// CreateKey makes the transit key unless it is there.
func (v *Vault) CreateKey(ctx context.Context, key string) error {
	if err := checkKey(key, nil); err != nil {
		return err
	}
	if _, err := v.write(ctx, v.transit+"/keys/"+key, map[string]any{"type": "aes256-gcm96"}); err != nil {
		return fmt.Errorf("making the key %s: %w", key, err)
	}
	return nil
}

// Get implements Keeper.
func (v *Vault) Get(ctx context.Context, path string) (map[string]string, error) {
	if err := checkPath(path); err != nil {
		return nil, err
	}
	var secret *api.KVSecret
	err := v.call(ctx, func(ctx context.Context) (err error) {
		secret, err = v.client.KVv2(v.store).Get(ctx, path)
		return err
	})
	// A deleted secret is answered with its history and no data.
	if errors.Is(err, api.ErrSecretNotFound) || err == nil && secret.Data == nil {
		return nil, noSecret(path)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the secret %s: %w", path, err)
	}
	values := make(map[string]string, len(secret.Data))
	for name, value := range secret.Data {
		switch value := value.(type) {
		case string:
			values[name] = value
		case json.Number:
			values[name] = value.String()
		case bool:
			values[name] = strconv.FormatBool(value)
		default:
			return nil, core.Errorf(core.CodeInvalid, "the value %q of the secret %s is not a text, number or boolean", name, path)
		}
	}
	return values, nil
}

// Put implements Keeper.
func (v *Vault) Put(ctx context.Context, path string, values map[string]string) error {
	if err := checkPath(path); err != nil {
		return err
	}
	data := make(map[string]any, len(values))
	for name, value := range values {
		data[name] = value
	}
	err := v.call(ctx, func(ctx context.Context) error {
		_, err := v.client.KVv2(v.store).Put(ctx, path, data)
		return err
	})
	if err != nil {
		return fmt.Errorf("writing the secret %s: %w", path, err)
	}
	return nil
}

func (v *Vault) write(ctx context.Context, path string, data map[string]any) (*api.Secret, error) {
	var secret *api.Secret
	err := v.call(ctx, func(ctx context.Context) (err error) {
		secret, err = v.client.Logical().WriteWithContext(ctx, path, data)
		return err
	})
	if err == nil && secret == nil {
		secret = &api.Secret{}
	}
	return secret, err
}

// call runs f, and once more with the token file's new content when Vault
// refuses the token, and gives its error a code.
func (v *Vault) call(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, v.timeout)
	defer cancel()
	used := v.client.Token()
	err := f(ctx)
	if status(err) == http.StatusForbidden {
		if fresh, changed := v.token.changed(used); changed {
			v.client.SetToken(fresh)
			err = f(ctx)
		}
	}
	return translate(err)
}

func status(err error) int {
	var response *api.ResponseError
	if errors.As(err, &response) {
		return response.StatusCode
	}
	return 0
}

// translate gives Vault's errors our codes. That Vault refuses us is no fault of
// whoever asked for a secret, and mends itself once the policy or token is right.
func translate(err error) error {
	code, message := core.CodeUnavailable, "Vault cannot be reached"
	switch s := status(err); {
	case err == nil || errors.Is(err, api.ErrSecretNotFound):
		return err
	case s == http.StatusForbidden:
		message = "Vault refuses this service's token; look at its policy and at the age of the token"
	case s == http.StatusNotFound:
		message = "Vault has no such engine or key; run `muster bootstrap`"
	case s == http.StatusBadRequest, s == http.StatusRequestEntityTooLarge:
		code, message = core.CodeInvalid, "Vault does not accept the request"
	case s >= 500:
		message = "Vault is sealed or in trouble"
	}
	return &core.Error{Code: code, Message: message, Err: err}
}
