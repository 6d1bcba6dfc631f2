// SPDX-License-Identifier: MPL-2.0

package registry

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/muster-ci/muster/core"
)

// googleScope is what a token must be for to fetch images.
const googleScope = "https://www.googleapis.com/auth/cloud-platform"

// google exchanges the job's token for one of a service account, by workload
// identity federation.
func (r *Resolver) google(ctx context.Context, server string, auth core.GCPAuth, lookup func(string) (string, bool), tokens Tokens) (*Login, error) {
	fields := map[string]string{}
	for _, f := range auth.Fields {
		value, err := expand(f.Value, lookup)
		if err != nil {
			return nil, err
		}
		fields[f.Name] = value
	}
	provider, err := googleProvider(fields["workload_identity_pool"], fields["workload_identity_provider"])
	if err != nil {
		return nil, err
	}
	token, err := jobToken(ctx, tokens, "gcp_auth", "https:"+provider)
	if err != nil {
		return nil, err
	}
	access, err := r.googleExchange(ctx, provider, token)
	if err != nil {
		return nil, err
	}
	if account := fields["oidc_service_account"]; account != "" {
		if access, err = r.googleAccount(ctx, account, access); err != nil {
			return nil, err
		}
	}
	return &Login{Server: server, Username: "oauth2accesstoken", Password: access}, nil
}

// googleProvider returns the full name of a provider, of which people write the
// whole or the last part.
func googleProvider(pool, provider string) (string, error) {
	pool, provider = strings.TrimPrefix(pool, "//iam.googleapis.com/"), strings.TrimPrefix(provider, "//iam.googleapis.com/")
	name := provider
	if !strings.HasPrefix(provider, "projects/") {
		name = strings.TrimSuffix(pool, "/") + "/providers/" + provider
	}
	if provider == "" || !strings.HasPrefix(name, "projects/") || !strings.Contains(name, "/providers/") {
		return "", core.Errorf(core.CodeInvalid, "gcp_auth needs the full name of the provider: workload_identity_provider: projects/<number>/locations/global/workloadIdentityPools/<pool>/providers/<provider>, or the pool's full name beside the provider's short one")
	}
	return "//iam.googleapis.com/" + name, nil
}

func (r *Resolver) googleExchange(ctx context.Context, provider, token string) (string, error) {
	answer, err := r.post(ctx, cmp.Or(r.GoogleSTS, "https://sts.googleapis.com/v1/token"), url.Values{
		"grant_type": {"urn:ietf:params:oauth:grant-type:token-exchange"}, "audience": {provider}, "scope": {googleScope},
		"requested_token_type": {"urn:ietf:params:oauth:token-type:access_token"},
		"subject_token_type":   {"urn:ietf:params:oauth:token-type:jwt"}, "subject_token": {token},
	}, "Google's token service")
	if err != nil {
		return "", err
	}
	var given struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal(answer, &given); err != nil || given.AccessToken == "" {
		return "", core.Errorf(core.CodeUnavailable, "Google's token service answered without a token")
	}
	return given.AccessToken, nil
}

func (r *Resolver) googleAccount(ctx context.Context, account, access string) (string, error) {
	body, err := json.Marshal(map[string]any{"scope": []string{googleScope}, "lifetime": "3600s"})
	if err != nil {
		return "", err
	}
	address := cmp.Or(r.GoogleIAM, "https://iamcredentials.googleapis.com") + "/v1/projects/-/serviceAccounts/" + url.PathEscape(account) + ":generateAccessToken"
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return "", fmt.Errorf("asking Google for a token: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+access)
	answer, err := r.send(request, "Google's IAM")
	if err != nil {
		return "", err
	}
	var given struct {
		AccessToken string `json:"accessToken"`
	}
	if err := json.Unmarshal(answer, &given); err != nil || given.AccessToken == "" {
		return "", core.Errorf(core.CodeUnavailable, "Google's IAM answered without a token")
	}
	return given.AccessToken, nil
}
