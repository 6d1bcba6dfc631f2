// SPDX-License-Identifier: MPL-2.0

package client

import (
	"context"
	"net/http"
	"net/url"

	"github.com/muster-ci/muster/internal/api"
)

// orbPath is that of an orb by its full name; each part is escaped.
func orbPath(namespace, orb string) string {
	return own + "/orbs/" + url.PathEscape(namespace) + "/" + url.PathEscape(orb)
}

// Namespace returns a namespace of orbs.
func (c *Client) Namespace(ctx context.Context, name string) (api.Namespace, error) {
	return call[api.Namespace](ctx, c, http.MethodGet, own+"/orb-namespaces/"+url.PathEscape(name), nil)
}

// CreateNamespace makes a namespace of orbs.
func (c *Client) CreateNamespace(ctx context.Context, n api.NewNamespace) (api.Namespace, error) {
	return call[api.Namespace](ctx, c, http.MethodPost, own+"/orb-namespaces", n)
}

// RenameNamespace gives a namespace another name.
func (c *Client) RenameNamespace(ctx context.Context, from, to string) (api.Namespace, error) {
	return call[api.Namespace](ctx, c, http.MethodPatch, own+"/orb-namespaces/"+url.PathEscape(from), api.NamespaceName{Name: to})
}

// DeleteNamespace removes a namespace with all its orbs.
func (c *Client) DeleteNamespace(ctx context.Context, name string) error {
	_, err := call[api.Message](ctx, c, http.MethodDelete, own+"/orb-namespaces/"+url.PathEscape(name), nil)
	return err
}

// DeleteNamespaceAlias forgets an old name of a namespace.
func (c *Client) DeleteNamespaceAlias(ctx context.Context, name string) error {
	_, err := call[api.Message](ctx, c, http.MethodDelete, own+"/orb-aliases/"+url.PathEscape(name), nil)
	return err
}

// Orbs returns the orbs that a filter lets through; its keys are those of the
// query.
func (c *Client) Orbs(ctx context.Context, filter url.Values) ([]api.Orb, error) {
	return allOf[api.Orb](ctx, c, own+"/orbs", filter, 1000)
}

// CreateOrb makes an orb without versions.
func (c *Client) CreateOrb(ctx context.Context, o api.NewOrb) (api.Orb, error) {
	return call[api.Orb](ctx, c, http.MethodPost, own+"/orbs", o)
}

// Orb returns one orb.
func (c *Client) Orb(ctx context.Context, namespace, orb string) (api.Orb, error) {
	return call[api.Orb](ctx, c, http.MethodGet, orbPath(namespace, orb), nil)
}

// ChangeOrb changes what people see of an orb.
func (c *Client) ChangeOrb(ctx context.Context, namespace, orb string, change api.OrbChange) (api.Orb, error) {
	return call[api.Orb](ctx, c, http.MethodPatch, orbPath(namespace, orb), change)
}

// OrbVersions returns an orb's versions, the highest first, dev versions last.
func (c *Client) OrbVersions(ctx context.Context, namespace, orb string) ([]api.OrbVersion, error) {
	return all[api.OrbVersion](ctx, c, orbPath(namespace, orb)+"/versions", 1)
}

// OrbVersion returns a version with its source; "" is the highest release.
func (c *Client) OrbVersion(ctx context.Context, namespace, orb, version string) (api.OrbVersion, error) {
	return call[api.OrbVersion](ctx, c, http.MethodGet, orbPath(namespace, orb)+"/version?version="+url.QueryEscape(version), nil)
}

// PublishOrb makes a version. The key makes it safe to ask again after a lost
// answer; "" for none.
func (c *Client) PublishOrb(ctx context.Context, namespace, orb string, p api.PublishOrb, key string) (api.OrbVersion, error) {
	return call[api.OrbVersion](ctx, c, http.MethodPost, orbPath(namespace, orb)+"/versions", p, "Idempotency-Key", key)
}

// PromoteOrb releases a dev version.
func (c *Client) PromoteOrb(ctx context.Context, namespace, orb string, p api.PromoteOrb, key string) (api.OrbVersion, error) {
	return call[api.OrbVersion](ctx, c, http.MethodPost, orbPath(namespace, orb)+"/promote", p, "Idempotency-Key", key)
}

// OrbCategories returns the categories that there are.
func (c *Client) OrbCategories(ctx context.Context) ([]string, error) {
	return all[string](ctx, c, own+"/orb-categories", 1)
}

// CheckOrb tells whether a source is an orb.
func (c *Client) CheckOrb(ctx context.Context, check api.CheckOrb) (api.CompileResult, error) {
	return call[api.CompileResult](ctx, c, http.MethodPost, own+"/orb-check", check)
}

// URLOrbEntries returns an organization's URL orb allow-list; organization is a
// slug or an id.
func (c *Client) URLOrbEntries(ctx context.Context, organization string) ([]api.URLOrbEntry, error) {
	return all[api.URLOrbEntry](ctx, c, v2+"/organization/"+organization+"/url-orb-allow-list", 10)
}

// AddURLOrbEntry allows URL orbs below a prefix.
func (c *Client) AddURLOrbEntry(ctx context.Context, organization string, e api.NewURLOrbEntry) (api.CreatedURLOrbEntry, error) {
	return call[api.CreatedURLOrbEntry](ctx, c, http.MethodPost, v2+"/organization/"+organization+"/url-orb-allow-list", e)
}

// RemoveURLOrbEntry no longer allows URL orbs below a prefix.
func (c *Client) RemoveURLOrbEntry(ctx context.Context, organization, entry string) error {
	_, err := call[api.Message](ctx, c, http.MethodDelete, v2+"/organization/"+organization+"/url-orb-allow-list/"+url.PathEscape(entry), nil)
	return err
}
