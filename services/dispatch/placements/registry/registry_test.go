// SPDX-License-Identifier: MPL-2.0

package registry

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/muster-ci/muster/core"
)

var variables = []core.EnvVar{{Name: "USER_NAME", Value: "ann"}, {Name: "PASS", Value: "p$w"}, {Name: "EMPTY"}}

func TestPlainLogin(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		image, user, password string
		want                  Login
		fails                 string
	}{
		"variables":            {"registry.example.com:5000/a/b:1", "$USER_NAME", "${PASS}", Login{"registry.example.com:5000", "ann", "p$w"}, ""},
		"text":                 {"acme/app", "robot$acme", "a$1$$b$", Login{}, "acme"},
		"dollars that name no": {"acme/app", "bob", "a$1$ c${}$$", Login{"docker.io", "bob", "a$1$ c${}$$"}, ""},
		"missing":              {"acme/app", "bob", "$NOT_SET", Login{}, "NOT_SET"},
		"empty":                {"acme/app", "bob", "$EMPTY", Login{}, "empty"},
		"image":                {"ACME", "bob", "x", Login{}, "no name of an image"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := &Resolver{}
			got, err := r.Login(t.Context(), core.DockerImage{Image: tt.image, Auth: &core.RegistryAuth{Username: tt.user, Password: tt.password}}, variables, nil)
			if tt.fails != "" {
				if err == nil || core.ErrorCode(err) != core.CodeInvalid || !strings.Contains(err.Error(), tt.fails) {
					t.Errorf("got %v, %v, want an error for the user with %q", got, err, tt.fails)
				}
				return
			}
			if err != nil || *got != tt.want {
				t.Errorf("got %+v, %v, want %+v", got, err, tt.want)
			}
		})
	}
	if got, err := (&Resolver{}).Login(t.Context(), core.DockerImage{Image: "x"}, nil, nil); got != nil || err != nil {
		t.Errorf("an image without a login: got %v, %v", got, err)
	}
}

func TestALoginIsNotPrinted(t *testing.T) {
	t.Parallel()
	l := &Login{Server: "s", Username: "u", Password: "hunter2"}
	if text := fmt.Sprintf("%v %+v %#v %s", l, l, l, l); strings.Contains(text, "hunter2") {
		t.Errorf("the password shows in %q", text)
	}
}

// cloud answers each path with a function of the request.
func cloud(t *testing.T, paths map[string]func(r *http.Request) (int, string)) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		answer := paths[r.URL.Path]
		if answer == nil {
			t.Errorf("unexpected request for %s", r.URL.Path)
			return
		}
		status, body := answer(r)
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

const ecrImage = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/app:1"

// ecr gives a login to who signs with the key, and its session token if any.
func ecr(t *testing.T, key, session string) func(r *http.Request) (int, string) {
	return func(r *http.Request) (int, string) {
		sign := r.Header.Get("Authorization")
		want := "AWS4-HMAC-SHA256 Credential=" + key + "/20260102/eu-west-1/ecr/aws4_request"
		if !strings.HasPrefix(sign, want) || r.Header.Get("X-Amz-Security-Token") != session ||
			r.Header.Get("X-Amz-Target") != "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken" {
			t.Logf("signed %q, want %q", sign, want)
			return http.StatusBadRequest, `{"__type":"UnrecognizedClientException"}`
		}
		return http.StatusOK, `{"authorizationData":[{"authorizationToken":"` + base64.StdEncoding.EncodeToString([]byte("AWS:token")) + `"}]}`
	}
}

func resolver(address string) *Resolver {
	return &Resolver{ECR: address + "/ecr/%s", STS: address + "/sts/%s", GoogleSTS: address + "/google", GoogleIAM: address,
		Clock: func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }}
}

func TestAmazon(t *testing.T) {
	t.Parallel()
	address := cloud(t, map[string]func(*http.Request) (int, string){"/ecr/eu-west-1": ecr(t, "ann", "")})
	image := core.DockerImage{Image: ecrImage, AWSAuth: &core.AWSAuth{AccessKeyID: "$USER_NAME", SecretAccessKey: "$PASS"}}
	got, err := resolver(address).Login(t.Context(), image, variables, nil)
	if want := (Login{"123456789012.dkr.ecr.eu-west-1.amazonaws.com", "AWS", "token"}); err != nil || *got != want {
		t.Fatalf("got %+v, %v, want %+v", got, err, want)
	}
	image.AWSAuth.AccessKeyID = "other"
	if _, err = resolver(address).Login(t.Context(), image, variables, nil); core.ErrorCode(err) != core.CodeInvalid || !strings.Contains(err.Error(), "UnrecognizedClient") {
		t.Errorf("wrong keys: got %v, want Amazon's words, for the user", err)
	}
	image.Image = "acme/app"
	if _, err = resolver(address).Login(t.Context(), image, variables, nil); core.ErrorCode(err) != core.CodeInvalid {
		t.Errorf("an image elsewhere: got %v", err)
	}
}

func TestAmazonRole(t *testing.T) {
	t.Parallel()
	address := cloud(t, map[string]func(*http.Request) (int, string){
		"/ecr/eu-west-1": ecr(t, "role", "session"),
		"/sts/eu-west-1": func(r *http.Request) (int, string) {
			if r.Form.Get("WebIdentityToken") != "jwt for sts.amazonaws.com" || r.Form.Get("RoleArn") != "arn:x" {
				return http.StatusForbidden, "no"
			}
			return http.StatusOK, `<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>` +
				`<AccessKeyId>role</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>session</SessionToken>` +
				`</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`
		},
	})
	image := core.DockerImage{Image: ecrImage, AWSAuth: &core.AWSAuth{OIDCRoleARN: "arn:x"}}
	got, err := resolver(address).Login(t.Context(), image, nil, tokens)
	if err != nil || got.Password != "token" {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := resolver(address).Login(t.Context(), image, nil, nil); core.ErrorCode(err) != core.CodeInvalid {
		t.Errorf("without tokens of jobs: got %v, want an error for the user", err)
	}
}

func TestNoTokenForAJob(t *testing.T) {
	t.Parallel()
	for code, want := range map[core.Code]core.Code{core.CodeForbidden: core.CodeInvalid, core.CodeUnavailable: core.CodeUnavailable} {
		image := core.DockerImage{Image: ecrImage, AWSAuth: &core.AWSAuth{OIDCRoleARN: "arn:x"}}
		_, err := (&Resolver{}).Login(t.Context(), image, nil, func(context.Context, string) (string, error) {
			return "", core.Errorf(code, "no token for you")
		})
		if core.ErrorCode(err) != want || !strings.Contains(core.ErrorMessage(err), "no token for you") {
			t.Errorf("%s: got %v, want the reason as %s", code, err, want)
		}
	}
}

func tokens(_ context.Context, audience string) (string, error) { return "jwt for " + audience, nil }

func TestGoogle(t *testing.T) {
	t.Parallel()
	const provider = "projects/1/locations/global/workloadIdentityPools/p/providers/muster"
	address := cloud(t, map[string]func(*http.Request) (int, string){
		"/google": func(r *http.Request) (int, string) {
			if r.Form.Get("audience") != "//iam.googleapis.com/"+provider || r.Form.Get("subject_token") != "jwt for https://iam.googleapis.com/"+provider {
				return http.StatusBadRequest, r.Form.Encode()
			}
			return http.StatusOK, `{"access_token":"federated"}`
		},
		"/v1/projects/-/serviceAccounts/builds@x.iam.gserviceaccount.com:generateAccessToken": func(r *http.Request) (int, string) {
			if r.Header.Get("Authorization") != "Bearer federated" {
				return http.StatusForbidden, "no"
			}
			return http.StatusOK, `{"accessToken":"account"}`
		},
	})
	for name, fields := range map[string][]core.EnvVar{
		"federated": {{Name: "workload_identity_provider", Value: provider}},
		"account": {
			{Name: "workload_identity_pool", Value: "projects/1/locations/global/workloadIdentityPools/p"}, {Name: "workload_identity_provider", Value: "muster"},
			{Name: "oidc_service_account", Value: "builds@x.iam.gserviceaccount.com"},
		},
	} {
		image := core.DockerImage{Image: "eu-docker.pkg.dev/a/b/c", GCPAuth: &core.GCPAuth{Fields: fields}}
		got, err := resolver(address).Login(t.Context(), image, nil, tokens)
		if want := (Login{"eu-docker.pkg.dev", "oauth2accesstoken", name}); err != nil || *got != want {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
}

func TestMirrors(t *testing.T) {
	t.Parallel()
	m := Mirrors{"docker.io": "cache.example.com:5000/hub/", "ghcr.io": "cache.example.com/ghcr"}
	if err := m.Validate(); err != nil {
		t.Fatal(err)
	}
	for image, want := range map[string]string{
		"postgres":                        "cache.example.com:5000/hub/library/postgres:latest",
		"cimg/base:2026.01":               "cache.example.com:5000/hub/cimg/base:2026.01",
		"docker.io/library/redis:7":       "cache.example.com:5000/hub/library/redis:7",
		"ghcr.io/a/b@sha256:" + sixtyFour: "cache.example.com/ghcr/a/b@sha256:" + sixtyFour,
		"quay.io/a/b:1":                   "quay.io/a/b:1",
		"NOT A NAME":                      "NOT A NAME",
	} {
		if got := m.Rewrite(core.DockerImage{Image: image}); got != want {
			t.Errorf("%s: got %s, want %s", image, got, want)
		}
	}
	if got := m.Rewrite(core.DockerImage{Image: "a/b", Auth: &core.RegistryAuth{}}); got != "a/b" {
		t.Errorf("an image with a login: got %s, want it where the login holds", got)
	}
	for _, bad := range []Mirrors{{"docker.io/library": "x:1/y"}, {"docker.io": "https://x"}, {"docker.io": "hub"}, {"": "x:1"}} {
		if err := bad.Validate(); core.ErrorCode(err) != core.CodeInvalid {
			t.Errorf("%v: got %v, want an error", bad, err)
		}
	}
}

const sixtyFour = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
