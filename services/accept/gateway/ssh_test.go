// SPDX-License-Identifier: MPL-2.0

package gateway_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/api"
	"github.com/muster-ci/muster/internal/client"
	"github.com/muster-ci/muster/services/accept/gateway/gatewaytest"
)

const sshPath = ownPath + "/jobs/{id}/tasks/{index}/ssh"

// people calls the routes of SSH and of tokens of jobs.
func (c *caller) people() {
	c.t.Helper()
	c.call("POST", ownPath+"/ssh-keys", `{"public_key":"ssh-ed25519 AAAA"}`)
	keys := get[api.List[api.SSHKey]](c.t, c.s, ownPath+"/ssh-keys")
	c.get(ownPath + "/ssh-keys")
	c.call("DELETE", ownPath+"/ssh-keys/"+keys.Items[0].ID, "")
	project := get[api.Project](c.t, c.s, projectPath)
	for _, path := range []string{"/api/v2/org/" + project.OrganizationID, "/api/v2/org/" + project.OrganizationID + "/project/" + project.ID} {
		path += "/oidc-custom-claims"
		c.call("PATCH", path, `{"audience":["a","b"],"ttl":"1h30m"}`)
		c.get(path)
		c.call("DELETE", path+"?claims=audience,ttl", "")
	}
	c.get("/org/o-1/.well-known/openid-configuration", "/org/o-1/.well-known/jwks-pub.json")
	job := get[api.Job](c.t, c.s, projectPath+"/job/1")
	c.get(ownPath + "/jobs/" + job.ID + "/ssh")
	admit(c.t, c.s, job.ID, get[api.User](c.t, c.s, "/api/v2/me").ID)
	c.seen["GET "+sshPath] = echoes(c.t, c.s, c.s.Admin, job.ID) == nil // no JSON to look at
}

// admit lets a user log in to a job's first task.
func admit(t *testing.T, s *gatewaytest.Server, id, user string) {
	t.Helper()
	job, err := s.Job(t.Context(), core.JobID(id))
	if err != nil {
		t.Fatal(err)
	}
	s.Admit(core.SSHPlace{Task: job.Tasks[0].ID, Attempt: "m-1", User: core.UserID(user), Address: "127.0.0.1:64540", HostKey: "ssh-ed25519 HOST"})
}

// echoes connects to a job and has it send back what it is sent.
func echoes(t *testing.T, s *gatewaytest.Server, token, job string) error {
	t.Helper()
	c, err := client.New(s.URL, token, nil)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := c.ConnectSSH(t.Context(), job, 0)
	if err != nil {
		return err
	}
	defer conn.Close()
	text := strings.Repeat("bytes of ssh\n", 10_000)
	go func() { _, _ = io.WriteString(conn, text) }()
	got := make([]byte, len(text))
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != text {
		t.Errorf("got %d bytes back, %v", len(got), err)
	}
	return nil
}

func TestOnlyTheUserConnects(t *testing.T) {
	t.Parallel()
	s := serve(t, hello)
	p := triggered(t, s, "")
	w := get[api.List[api.Workflow]](t, s, "/api/v2/pipeline/"+p.ID+"/workflow").Items[0].ID
	id := eventually(t, s, "/api/v2/workflow/"+w, "build", "success").ID
	if err := echoes(t, s, s.Admin, id); !client.IsStatus(err, http.StatusNotFound) {
		t.Errorf("a job without SSH: got %v", err)
	}
	admit(t, s, id, get[api.User](t, s, "/api/v2/me").ID)
	if err := echoes(t, s, s.Admin, id); err != nil {
		t.Errorf("the user: %v", err)
	}
	if err := echoes(t, s, s.User, id); !client.IsStatus(err, http.StatusForbidden) {
		t.Errorf("somebody else: got %v, want forbidden", err)
	}
	if err := echoes(t, s, "mst_nobody", id); !client.IsStatus(err, http.StatusUnauthorized) {
		t.Errorf("nobody: got %v, want unauthorized", err)
	}
	places := get[api.List[api.SSHPlace]](t, s, ownPath+"/jobs/"+id+"/ssh").Items
	if len(places) != 1 || places[0].HostKey != "ssh-ed25519 HOST" {
		t.Errorf("the places of the user: got %+v", places)
	}
	other, err := client.New(s.URL, s.User, nil)
	if err != nil {
		t.Fatal(err)
	}
	if places, err := other.SSHPlaces(t.Context(), id); err != nil || len(places) != 0 {
		t.Errorf("the places of somebody else: got %+v, %v", places, err)
	}
}

// TestDiscovery needs no token, and goes on while identity is away.
func TestDiscovery(t *testing.T) {
	t.Parallel()
	s := serve(t, hello)
	var document api.OIDCDiscovery
	if err := json.Unmarshal(public(t, s.URL+"/org/11111111-2222-3333-4444-555555555555/.well-known/openid-configuration"), &document); err != nil {
		t.Fatal(err)
	}
	if want := s.URL + "/org/11111111-2222-3333-4444-555555555555"; document.Issuer != want || !strings.HasPrefix(document.JWKSURI, want+"/") {
		t.Errorf("got %+v", document)
	}
	before := public(t, document.JWKSURI)
	s.LoseKeys()
	if after := public(t, document.JWKSURI); string(after) != string(before) || !strings.Contains(string(after), `"kid":"one"`) {
		t.Errorf("got %s, then %s", before, after)
	}
	response, err := http.Get(s.URL + "/org/a%22b/.well-known/openid-configuration")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusNotFound {
		t.Errorf("an id that is none: got %s", response.Status)
	}
}

func public(t *testing.T, address string) []byte {
	t.Helper()
	response, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK || !strings.Contains(response.Header.Get("Cache-Control"), "max-age") {
		t.Fatalf("%s: %s, %v", address, response.Status, err)
	}
	return body
}
