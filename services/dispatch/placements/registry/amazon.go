// SPDX-License-Identifier: MPL-2.0

package registry

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/muster-ci/muster/core"
)

// ecrHost is <account>.dkr.ecr.<region>.amazonaws.com, or .com.cn, or with
// -fips.
var ecrHost = regexp.MustCompile(`^[0-9]{12}\.dkr\.ecr(-fips)?\.([a-z0-9-]+)\.amazonaws\.com(\.cn)?$`)

// amazonAudience is what the provider of OIDC identities is set up with in IAM.
const amazonAudience = "sts.amazonaws.com"

// amazon exchanges keys, or the job's token, for a login at ECR that holds for
// 12 hours.
func (r *Resolver) amazon(ctx context.Context, server string, auth core.AWSAuth, lookup func(string) (string, bool), tokens Tokens) (*Login, error) {
	match := ecrHost.FindStringSubmatch(server)
	if match == nil {
		return nil, core.Errorf(core.CodeInvalid, "aws_auth is for images at <account>.dkr.ecr.<region>.amazonaws.com, not at %s; use auth", server)
	}
	region := match[2]
	credentials, err := r.amazonKeys(ctx, region, auth, lookup, tokens)
	if err != nil {
		return nil, err
	}
	return r.ecrLogin(ctx, server, region, credentials)
}

func (r *Resolver) amazonKeys(ctx context.Context, region string, auth core.AWSAuth, lookup func(string) (string, bool), tokens Tokens) (aws.Credentials, error) {
	var c aws.Credentials
	var err error
	if auth.OIDCRoleARN != "" {
		role, err := expand(auth.OIDCRoleARN, lookup)
		if err != nil {
			return c, err
		}
		return r.assumeRole(ctx, region, role, tokens)
	}
	if c.AccessKeyID, err = expand(auth.AccessKeyID, lookup); err != nil {
		return c, err
	}
	c.SecretAccessKey, err = expand(auth.SecretAccessKey, lookup)
	return c, err
}

// ecrLogin calls GetAuthorizationToken, of which no more of Amazon's SDK is
// needed than the signature.
func (r *Resolver) ecrLogin(ctx context.Context, server, region string, credentials aws.Credentials) (*Login, error) {
	body := []byte(`{}`)
	address := fmt.Sprintf(cmp.Or(r.ECR, "https://api.ecr.%s.amazonaws.com/"), region)
	if strings.HasSuffix(server, ".cn") && r.ECR == "" {
		address = fmt.Sprintf("https://api.ecr.%s.amazonaws.com.cn/", region)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("asking ECR: %w", err)
	}
	request.Header.Set("Content-Type", "application/x-amz-json-1.1")
	request.Header.Set("X-Amz-Target", "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken")
	sum := sha256.Sum256(body)
	if err := v4.NewSigner().SignHTTP(ctx, credentials, request, hex.EncodeToString(sum[:]), "ecr", region, r.now()); err != nil {
		return nil, core.Errorf(core.CodeInvalid, "signing the request to ECR: %w", err)
	}
	answer, err := r.send(request, "Amazon ECR")
	if err != nil {
		return nil, err
	}
	var given struct {
		AuthorizationData []struct {
			AuthorizationToken string `json:"authorizationToken"`
		} `json:"authorizationData"`
	}
	if err := json.Unmarshal(answer, &given); err != nil || len(given.AuthorizationData) == 0 {
		return nil, core.Errorf(core.CodeUnavailable, "Amazon ECR answered without a token")
	}
	pair, err := base64.StdEncoding.DecodeString(given.AuthorizationData[0].AuthorizationToken)
	user, password, ok := strings.Cut(string(pair), ":")
	if err != nil || !ok {
		return nil, core.Errorf(core.CodeUnavailable, "the token of Amazon ECR cannot be read")
	}
	return &Login{Server: server, Username: user, Password: password}, nil
}

// assumeRole exchanges the job's token for keys of a role.
func (r *Resolver) assumeRole(ctx context.Context, region, role string, tokens Tokens) (aws.Credentials, error) {
	var c aws.Credentials
	token, err := jobToken(ctx, tokens, "aws_auth with oidc_role_arn", amazonAudience)
	if err != nil {
		return c, err
	}
	form := url.Values{
		"Action": {"AssumeRoleWithWebIdentity"}, "Version": {"2011-06-15"}, "DurationSeconds": {"900"},
		"RoleArn": {role}, "RoleSessionName": {"muster"}, "WebIdentityToken": {token},
	}
	address := cmp.Or(r.STS, "https://sts.%s.amazonaws.com/")
	answer, err := r.post(ctx, fmt.Sprintf(address, region), form, "Amazon STS")
	if err != nil {
		return c, err
	}
	var given struct {
		Keys struct {
			ID     string `xml:"AccessKeyId"`
			Secret string `xml:"SecretAccessKey"`
			Token  string `xml:"SessionToken"`
		} `xml:"AssumeRoleWithWebIdentityResult>Credentials"`
	}
	if err := xml.Unmarshal(answer, &given); err != nil || given.Keys.ID == "" {
		return c, core.Errorf(core.CodeUnavailable, "Amazon STS answered without keys")
	}
	return aws.Credentials{AccessKeyID: given.Keys.ID, SecretAccessKey: given.Keys.Secret, SessionToken: given.Keys.Token}, nil
}

func jobToken(ctx context.Context, tokens Tokens, what, audience string) (string, error) {
	if tokens == nil {
		return "", core.Errorf(core.CodeInvalid, "%s needs OIDC tokens of jobs, which this installation does not make for images; use keys in aws_auth, or auth", what)
	}
	token, err := tokens(ctx, audience)
	if core.ErrorCode(err) == core.CodeForbidden { // another try would get the same answer
		return "", core.Errorf(core.CodeInvalid, "%s needs an OIDC token of the job: %s", what, core.ErrorMessage(err))
	}
	if err != nil {
		return "", fmt.Errorf("making the job's token: %w", err)
	}
	return token, nil
}

func (r *Resolver) post(ctx context.Context, address string, form url.Values, who string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, fmt.Errorf("asking %s: %w", who, err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r.send(request, who)
}

func (r *Resolver) send(request *http.Request, who string) ([]byte, error) {
	response, err := r.client().Do(request)
	if err != nil {
		return nil, core.Errorf(core.CodeUnavailable, "%s does not answer: %w", who, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, core.Errorf(core.CodeUnavailable, "%s does not answer: %w", who, err)
	}
	if response.StatusCode != http.StatusOK {
		return nil, refused(who, response.StatusCode, body)
	}
	return body, nil
}

func (r *Resolver) now() time.Time {
	if r.Clock != nil {
		return r.Clock()
	}
	return time.Now()
}
