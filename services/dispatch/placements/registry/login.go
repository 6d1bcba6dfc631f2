// SPDX-License-Identifier: MPL-2.0

package registry

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/distribution/reference"

	"github.com/muster-ci/muster/core"
)

// Login is a user of a registry.
type Login struct {
	Server   string // the registry's host, and its port if any
	Username string
	Password string
}

// String keeps the password out of logs and error messages.
func (l *Login) String() string { return l.Username + "@" + l.Server }

// GoString does the same for %#v.
func (l *Login) GoString() string { return l.String() }

// Tokens makes an OIDC token of the job for an audience. Nil where jobs have
// none.
type Tokens func(ctx context.Context, audience string) (string, error)

// Resolver makes logins. The zero Resolver asks the clouds' own addresses.
type Resolver struct {
	// Client sends requests; nil means one with a timeout of 20 s.
	Client *http.Client
	// Clock signs requests to Amazon; nil means time.Now.
	Clock core.Clock
	// The addresses of Amazon's token services and Google's two, for tests and
	// for sites that reach them another way; %s is the region.
	ECR, STS, GoogleSTS, GoogleIAM string
}

// callTimeout bounds a call to a cloud.
const callTimeout = 20 * time.Second

// maxAnswer bounds what a cloud may answer.
const maxAnswer = 1 << 20

// Login returns the login for an image, nil when it asks for none. Variables
// are those that $NAME may name. CodeInvalid is for the user to mend and final;
// CodeUnavailable may pass.
func (r *Resolver) Login(ctx context.Context, image core.DockerImage, variables []core.EnvVar, tokens Tokens) (*Login, error) {
	if image.Auth == nil && image.AWSAuth == nil && image.GCPAuth == nil {
		return nil, nil
	}
	server, err := Server(image.Image)
	if err != nil {
		return nil, err
	}
	lookup := names(variables)
	switch {
	case image.Auth != nil:
		return plain(server, *image.Auth, lookup)
	case image.AWSAuth != nil:
		return r.amazon(ctx, server, *image.AWSAuth, lookup, tokens)
	default:
		return r.google(ctx, server, *image.GCPAuth, lookup, tokens)
	}
}

// Server returns the registry of an image: docker.io for a name without one.
func Server(image string) (string, error) {
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return "", core.Errorf(core.CodeInvalid, "%q is no name of an image: %w", image, err)
	}
	return reference.Domain(named), nil
}

func plain(server string, auth core.RegistryAuth, lookup func(string) (string, bool)) (*Login, error) {
	var l Login
	var err error
	if l.Username, err = expand(auth.Username, lookup); err != nil {
		return nil, err
	}
	if l.Password, err = expand(auth.Password, lookup); err != nil {
		return nil, err
	}
	if l.Username == "" || l.Password == "" {
		return nil, core.Errorf(core.CodeInvalid, "the login at %s has an empty username or password; set the variables that auth: names", server)
	}
	l.Server = server
	return &l, nil
}

func names(variables []core.EnvVar) func(string) (string, bool) {
	values := make(map[string]string, len(variables))
	for _, v := range variables {
		values[v.Name] = v.Value
	}
	return func(name string) (string, bool) {
		value, ok := values[name]
		return value, ok
	}
}

// expand replaces $NAME and ${NAME}. A $ that begins no name stands for itself:
// passwords have such.
func expand(text string, lookup func(string) (string, bool)) (string, error) {
	missing := ""
	out := os.Expand(shield(text), func(name string) string {
		if name == "$" {
			return "$"
		}
		value, ok := lookup(name)
		if !ok && missing == "" {
			missing = name
		}
		return value
	})
	if missing != "" {
		return "", core.Errorf(core.CodeInvalid, "the login of an image uses the variable %s, which neither the project nor a context has", missing)
	}
	return out, nil
}

// shield doubles each $ that begins no name.
func shield(text string) string {
	var b strings.Builder
	for i := range len(text) {
		b.WriteByte(text[i])
		if text[i] == '$' && !beginsName(text[i+1:]) {
			b.WriteString("{$}")
		}
	}
	return b.String()
}

func beginsName(rest string) bool {
	if name, ok := strings.CutPrefix(rest, "{"); ok {
		end := strings.IndexByte(name, '}')
		return end > 0 && beginsName(name)
	}
	return rest != "" && (rest[0] == '_' || rest[0] >= 'A' && rest[0] <= 'Z' || rest[0] >= 'a' && rest[0] <= 'z')
}

func (r *Resolver) client() *http.Client {
	if r.Client != nil {
		return r.Client
	}
	return &http.Client{Timeout: callTimeout}
}

// refused words the answer of a cloud: 4xx is for the user, the rest may pass.
func refused(who string, status int, body []byte) error {
	code := core.CodeUnavailable
	if status >= 400 && status < 500 && status != http.StatusTooManyRequests {
		code = core.CodeInvalid
	}
	text := strings.TrimSpace(string(body))
	return core.Errorf(code, "%s gives no login: %s", who, fmt.Sprintf("%d %.300s", status, text))
}
