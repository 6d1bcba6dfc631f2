// SPDX-License-Identifier: MPL-2.0

package bootstrap

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	consul "github.com/hashicorp/consul/api"

	"github.com/muster-ci/muster/internal/resolve"
	"github.com/muster-ci/muster/internal/testx"
	"github.com/muster-ci/muster/internal/workload/workloadtest"
)

// TestConsulDeniesAllElse prepares a real Consul that lets nobody do anything,
// and logs in as Nomad does for a service and for a task of it: the one may
// register that service and no other, the other may find services and register
// none.
func TestConsulDeniesAllElse(t *testing.T) {
	t.Parallel()
	address, management := testx.ConsulWithACL(t)
	nomad := workloadtest.NewIssuer(t)
	cfg := Config{ConsulAddress: address, ConsulToken: management, JWKS: nomad.URL(), Namespace: "muster", Out: io.Discard}
	for range 2 { // it can be run again
		if err := Run(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
	}
	c := &aclConsul{t: t, address: address, nomad: nomad}
	service := c.login("muster", map[string]any{"nomad_service": "queue"})
	task := c.login("muster", map[string]any{"nomad_task": "queue"})

	peer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "the queue") }))
	t.Cleanup(peer.Close)
	if err := c.register(service, "queue", peer.Listener.Addr().String()); err != nil {
		t.Errorf("the service's token cannot register it: %v", err)
	}
	for what, err := range map[string]error{
		"the service's token registers another": c.register(service, "gateway", "127.0.0.1:1"),
		"the task's token registers a service":  c.register(task, "queue", "127.0.0.1:1"),
		"nobody registers a service":            c.register("", "queue", "127.0.0.1:1"),
		"a build logs in to the services' role": c.refusedLogin("muster-builds", map[string]any{"nomad_task": "agent"}),
		"someone with another key logs in":      c.forged(),
	} {
		if err == nil {
			t.Errorf("%s, and is not refused", what)
		}
	}
	if got, err := c.ask(t, task); err != nil || got != "the queue" {
		t.Errorf("with the task's token: got %q, %v", got, err)
	}
	if got, err := c.ask(t, "5eed0000-0000-4000-8000-00000000dead"); err == nil {
		t.Errorf("with a token of nobody: got %q, want no instance", got)
	}
}

// aclConsul is a Consul that trusts a Nomad.
type aclConsul struct {
	t       *testing.T
	address string
	nomad   *workloadtest.Issuer
}

func (c *aclConsul) client(token string) *consul.Client {
	c.t.Helper()
	client, err := consul.NewClient(&consul.Config{Address: c.address, Token: token})
	if err != nil {
		c.t.Fatal(err)
	}
	return client
}

// claims are those that Nomad gives a workload's identity for Consul.
func claims(namespace string, more map[string]any) map[string]any {
	all := map[string]any{
		"aud": "consul.io", "sub": "global:" + namespace + ":queue", "nomad_namespace": namespace, "nomad_job_id": "queue",
		"iat": time.Now().Unix(), "nbf": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
	}
	for name, value := range more {
		all[name] = value
	}
	return all
}

func (c *aclConsul) tryLogin(jwt string) (string, error) {
	token, _, err := c.client("").ACL().Login(&consul.ACLLoginParams{AuthMethod: consulMethod, BearerToken: jwt}, nil)
	if err != nil {
		return "", err
	}
	return token.SecretID, nil
}

func (c *aclConsul) login(namespace string, more map[string]any) string {
	c.t.Helper()
	token, err := c.tryLogin(c.nomad.Sign(claims(namespace, more)))
	if err != nil {
		c.t.Fatalf("logging in with %v: %v", more, err)
	}
	return token
}

func (c *aclConsul) refusedLogin(namespace string, more map[string]any) error {
	_, err := c.tryLogin(c.nomad.Sign(claims(namespace, more)))
	return err
}

// forged signs with a key that is not among the published ones.
func (c *aclConsul) forged() error {
	jwt := c.nomad.Sign(claims("muster", map[string]any{"nomad_service": "queue"}))
	head, _, _ := strings.Cut(jwt, ".")
	other := c.nomad.Sign(claims("muster", map[string]any{"nomad_service": "gateway"}))
	_, rest, _ := strings.Cut(other, ".")
	body, _, _ := strings.Cut(rest, ".")
	_, err := c.tryLogin(head + "." + body + jwt[strings.LastIndex(jwt, "."):])
	return err
}

func (c *aclConsul) register(token, name, at string) error {
	host, port, ok := strings.Cut(at, ":")
	number, err := strconv.Atoi(port)
	if !ok || err != nil {
		return errors.New("not an address: " + at)
	}
	return c.client(token).Agent().ServiceRegister(&consul.AgentServiceRegistration{
		ID: name + at, Name: name, Address: host, Port: number, Check: &consul.AgentServiceCheck{TTL: "1h", Status: "passing"},
	})
}

// ask sends a request to the queue through a catalog with the token in a file,
// as catalog.token_file has it.
func (c *aclConsul) ask(t *testing.T, token string) (string, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "consul_token")
	if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
		t.Fatal(err)
	}
	catalog, err := resolve.NewConsul(resolve.ConsulConfig{Address: c.address, TokenFile: file})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- catalog.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("running the catalog: %v", err)
		}
	}()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://queue.muster/", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := catalog.Transport().RoundTrip(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return string(text), err
}
