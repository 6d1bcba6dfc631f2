// SPDX-License-Identifier: MPL-2.0

package gateway_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/api"
)

// orbs calls the routes of orbs and namespaces for the check of their schemas.
func (c *caller) orbs() {
	c.t.Helper()
	c.call(http.MethodPost, ownPath+"/orb-namespaces", `{"name": "acme", "organization": "gh/acme"}`)
	c.call(http.MethodPost, ownPath+"/orbs", `{"name": "acme/hi"}`)
	c.call(http.MethodPost, ownPath+"/orbs/acme/hi/versions", `{"version": "dev:a/b", "source": "version: 2.1"}`)
	c.call(http.MethodPost, ownPath+"/orbs/acme/hi/promote", `{"from": "dev:a/b", "version": "1.0.0"}`)
	c.call(http.MethodPatch, ownPath+"/orbs/acme/hi", `{"add_category": "Build"}`)
	c.call(http.MethodPost, ownPath+"/orb-check", `{"source": "version: 2.1", "organization": "github/acme"}`)
	c.get(ownPath+"/orb-namespaces/acme", ownPath+"/orbs", ownPath+"/orbs/acme/hi", ownPath+"/orbs/acme/hi/versions",
		ownPath+"/orbs/acme/hi/version?version=dev:a/b", ownPath+"/orb-categories")
	project, err := c.s.ProjectBySlug(c.t.Context(), core.ProjectSlug{VCS: "gh", Organization: "acme", Project: "site"})
	if err != nil {
		c.t.Fatal(err)
	}
	for _, organization := range []string{"gh/acme", string(project.Organization.ID)} {
		list := "/api/v2/organization/" + organization + "/url-orb-allow-list"
		c.call(http.MethodPost, list, `{"name": "ours", "prefix": "https://orbs.example/", "auth": "none"}`)
		c.get(list)
		c.call(http.MethodDelete, list+"/e1", "")
	}
	c.call(http.MethodPatch, ownPath+"/orb-namespaces/acme", `{"name": "apex"}`)
	c.call(http.MethodDelete, ownPath+"/orb-aliases/acme", "")
	c.call(http.MethodDelete, ownPath+"/orb-namespaces/apex", "")
}

func TestWhoMayDoWhatWithOrbs(t *testing.T) {
	t.Parallel()
	s := serve(t)
	do := func(method, path, body, token string, status int) answer {
		t.Helper()
		a := send(t, s, method, ownPath+path, body, "Circle-Token", token)
		if a.status != status {
			t.Errorf("%s %s: got status %d, want %d: %s", method, path, a.status, status, a.body)
		}
		return a
	}
	do(http.MethodPost, "/orb-namespaces", `{"name": "acme", "organization": "gh/acme"}`, s.User, 403)
	n := read[api.Namespace](t, do(http.MethodPost, "/orb-namespaces", `{"name": "acme", "organization": "gh/acme"}`, s.Admin, 201), 201)
	if n.OrganizationID == "" {
		t.Errorf("got %+v", n)
	}
	do(http.MethodPost, "/orb-namespaces", `{"name": "x", "organization": "gh/none"}`, s.Admin, 404)
	if own := read[api.Namespace](t, do(http.MethodPost, "/orb-namespaces", `{"name": "public"}`, s.Admin, 201), 201); own.OrganizationID != "" {
		t.Errorf("got %+v", own)
	}
	do(http.MethodPost, "/orbs", `{"name": "acme/hi", "private": true}`, s.User, 403)
	do(http.MethodPost, "/orbs", `{"name": "acme/hi", "private": true}`, s.Admin, 201)
	do(http.MethodPost, "/orbs", `{"name": "hi"}`, s.Admin, 400)
	do(http.MethodGet, "/orbs/acme/hi", "", s.User, 200)
	do(http.MethodGet, "/orbs/acme/no", "", s.User, 404)
	do(http.MethodGet, "/orbs/none/hi", "", s.User, 404)
	do(http.MethodGet, "/orbs?private=true", "", s.User, 400)
	if list := read[api.List[api.Orb]](t, do(http.MethodGet, "/orbs?private=true&namespace=acme", "", s.User, 200), 200); len(list.Items) != 1 || list.Items[0].Name != "acme/hi" || !list.Items[0].Private {
		t.Errorf("got %+v", list)
	}

	source := `"source": "version: 2.1\n"`
	do(http.MethodPost, "/orbs/acme/hi/versions", `{"version": "dev:ada", `+source+`}`, s.User, 201)
	for _, release := range []string{`"version": "1.0.0"`, `"increment": "patch"`, `"version": "dev:x", "increment": "patch"`, `"version": ""`} {
		a := do(http.MethodPost, "/orbs/acme/hi/versions", "{"+release+", "+source+"}", s.User, 403)
		if !strings.Contains(string(a.body), "dev:ada") {
			t.Errorf("%s: got %s, want a way out", release, a.body)
		}
	}
	do(http.MethodPost, "/orbs/acme/hi/promote", `{"from": "dev:ada", "version": "1.0.0"}`, s.User, 403)
	one := do(http.MethodPost, "/orbs/acme/hi/promote", `{"from": "dev:ada", "version": "1.0.0"}`, s.Admin, 201)
	if v := read[api.OrbVersion](t, one, 201); v.Version != "1.0.0" || v.ID == "" {
		t.Errorf("got %+v", v)
	}
	do(http.MethodPatch, "/orbs/acme/hi", `{"listed": false}`, s.User, 403)
	if changed := read[api.Orb](t, do(http.MethodPatch, "/orbs/acme/hi", `{"listed": false}`, s.Admin, 200), 200); changed.Listed {
		t.Errorf("got %+v", changed)
	}
	do(http.MethodDelete, "/orb-namespaces/acme", "", s.User, 403)

	list := "/api/v2/organization/gh/acme/url-orb-allow-list"
	refused(t, send(t, s, http.MethodPost, list, `{"name": "x", "prefix": "https://x/", "auth": "github-app"}`), 400)
	refused(t, send(t, s, http.MethodPost, list, `{"name": "x", "prefix": "https://x/"}`, "Circle-Token", s.User), 403)
	refused(t, send(t, s, http.MethodGet, "/api/v2/organization/gh/none/url-orb-allow-list", ""), 404)
}
