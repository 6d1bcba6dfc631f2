// SPDX-License-Identifier: MPL-2.0

package gateway

import (
	"context"
	"net/http"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/api"
)

func (s *Service) namespaceEndpoints() []endpoint {
	one := own + "/orb-namespaces/:name"
	list := "/url-orb-allow-list"
	byID, bySlug := v2+"/organization/:org"+list, v2+"/organization/:org/:name"+list
	table := []endpoint{
		{method: http.MethodPost, path: own + "/orb-namespaces", summary: "Create a namespace of orbs", access: accessAdmin, status: 201, headers: []string{"Idempotency-Key"}, in: api.NewNamespace{}, out: api.Namespace{}, serve: s.createNamespace},
		{method: http.MethodGet, path: one, summary: "Get a namespace of orbs", status: 200, out: api.Namespace{}, serve: s.getNamespace},
		{method: http.MethodPatch, path: one, summary: "Rename a namespace; the old name goes on leading to it", access: accessAdmin, status: 200, in: api.NamespaceName{}, out: api.Namespace{}, serve: s.renameNamespace},
		{method: http.MethodDelete, path: one, summary: "Delete a namespace with all its orbs", access: accessAdmin, status: 200, out: api.Message{}, serve: s.deleteNamespace},
		{method: http.MethodDelete, path: own + "/orb-aliases/:name", summary: "Forget an old name of a namespace", access: accessAdmin, status: 200, out: api.Message{}, serve: s.deleteNamespaceAlias},
	}
	for _, path := range []string{byID, bySlug} {
		table = append(table,
			endpoint{method: http.MethodGet, path: path, summary: "List the prefixes that URL orbs may have", status: 200, out: api.List[api.URLOrbEntry]{}, serve: s.listURLOrbEntries},
			endpoint{method: http.MethodPost, path: path, summary: "Allow URL orbs below a prefix", access: accessAdmin, status: 201, in: api.NewURLOrbEntry{}, out: api.CreatedURLOrbEntry{}, serve: s.addURLOrbEntry},
			endpoint{method: http.MethodDelete, path: path + "/:entry", summary: "No longer allow URL orbs below a prefix", access: accessAdmin, status: 200, out: api.Message{}, serve: s.removeURLOrbEntry},
		)
	}
	return table
}

func showNamespace(n core.Namespace) api.Namespace {
	return api.Namespace{ID: n.ID, Name: n.Name, OrganizationID: string(n.OrganizationID), CreatedAt: n.CreatedAt}
}

// organization finds one by its slug or its id.
func (s *Service) organization(ctx context.Context, text string) (core.Organization, error) {
	all, err := s.Organizations(ctx)
	if err != nil {
		return core.Organization{}, err
	}
	for _, o := range all {
		kind, _ := vcsNames(o.VCS)
		if text == string(o.ID) || text == o.Slug() || text == kind+"/"+o.Name {
			return o, nil
		}
	}
	return core.Organization{}, core.Errorf(core.CodeNotFound, "There is no organization %.200q; an organization comes with its first project.", text)
}

// createNamespace answers POST /orb-namespaces.
func (s *Service) createNamespace(r *request) (any, error) {
	var in api.NewNamespace
	if err := r.body(&in); err != nil {
		return nil, err
	}
	n := core.Namespace{Name: in.Name}
	if in.Organization != "" {
		organization, err := s.organization(r.ctx(), in.Organization)
		if err != nil {
			return nil, err
		}
		n.OrganizationID = organization.ID
	}
	var err error
	if n.ID, err = s.chosenID(r, "namespace", in.Name); err != nil {
		return nil, err
	}
	created, err := s.deps.Peers.Orbs.CreateNamespace(r.ctx(), n)
	if err != nil {
		return nil, err
	}
	s.deps.Logger.Info("namespace created", "namespace", created.Name, "user_id", r.user.ID)
	return showNamespace(created), nil
}

// getNamespace answers GET /orb-namespaces/{name}.
func (s *Service) getNamespace(r *request) (any, error) {
	n, err := s.deps.Peers.Orbs.Namespace(r.ctx(), r.gin.Param("name"))
	return showNamespace(n), err
}

// renameNamespace answers PATCH /orb-namespaces/{name}.
func (s *Service) renameNamespace(r *request) (any, error) {
	var in api.NamespaceName
	if err := r.body(&in); err != nil {
		return nil, err
	}
	n, err := s.deps.Peers.Orbs.RenameNamespace(r.ctx(), core.NamespaceRename{From: r.gin.Param("name"), To: in.Name})
	if err != nil {
		return nil, err
	}
	s.deps.Logger.Info("namespace renamed", "namespace", r.gin.Param("name"), "to", n.Name, "user_id", r.user.ID)
	return showNamespace(n), nil
}

// deleteNamespace answers DELETE /orb-namespaces/{name}.
func (s *Service) deleteNamespace(r *request) (any, error) {
	name := r.gin.Param("name")
	if err := s.deps.Peers.Orbs.DeleteNamespace(r.ctx(), name); err != nil {
		return nil, err
	}
	s.deps.Logger.Info("namespace deleted", "namespace", name, "user_id", r.user.ID)
	return api.Message{Message: "Namespace deleted."}, nil
}

// deleteNamespaceAlias answers DELETE /orb-aliases/{name}.
func (s *Service) deleteNamespaceAlias(r *request) (any, error) {
	name := r.gin.Param("name")
	if err := s.deps.Peers.Orbs.DeleteNamespaceAlias(r.ctx(), name); err != nil {
		return nil, err
	}
	s.deps.Logger.Info("old name of a namespace deleted", "namespace", name, "user_id", r.user.ID)
	return api.Message{Message: "Old name forgotten."}, nil
}

// addressed is the organization in the address: an id, or a slug in two parts.
func (s *Service) addressed(r *request) (core.Organization, error) {
	text := r.gin.Param("org")
	if name := r.gin.Param("name"); name != "" {
		text += "/" + name
	}
	return s.organization(r.ctx(), text)
}

// listURLOrbEntries answers GET /organization/{org}/url-orb-allow-list.
func (s *Service) listURLOrbEntries(r *request) (any, error) {
	organization, err := s.addressed(r)
	if err != nil {
		return nil, err
	}
	prefixes, err := s.deps.Peers.Orbs.ListOrbPrefixes(r.ctx(), organization.ID)
	if err != nil {
		return nil, err
	}
	items := make([]api.URLOrbEntry, 0, len(prefixes))
	for _, p := range prefixes {
		items = append(items, api.URLOrbEntry{ID: p.ID, Name: p.Name, Prefix: p.Prefix, Auth: "none"})
	}
	return api.NewList(items, ""), nil
}

// addURLOrbEntry answers POST /organization/{org}/url-orb-allow-list.
func (s *Service) addURLOrbEntry(r *request) (any, error) {
	organization, err := s.addressed(r)
	if err != nil {
		return nil, err
	}
	var in api.NewURLOrbEntry
	if err := r.body(&in); err != nil {
		return nil, err
	}
	if in.Auth != "" && in.Auth != "none" {
		return nil, core.Errorf(core.CodeInvalid, "URL orbs are fetched without logging in; auth must be none.")
	}
	p, err := s.deps.Peers.Orbs.AddOrbPrefix(r.ctx(), core.OrbPrefix{
		ID: s.deps.NewID(), OrganizationID: organization.ID, Name: in.Name, Prefix: in.Prefix,
	})
	if err != nil {
		return nil, err
	}
	s.deps.Logger.Info("prefix of URL orbs allowed", "organization_id", organization.ID, "prefix", p.Prefix, "user_id", r.user.ID)
	return api.CreatedURLOrbEntry{ID: p.ID, Message: "Created."}, nil
}

// removeURLOrbEntry answers DELETE /organization/{org}/url-orb-allow-list/{entry}.
func (s *Service) removeURLOrbEntry(r *request) (any, error) {
	organization, err := s.addressed(r)
	if err != nil {
		return nil, err
	}
	entry, err := r.id("entry")
	if err != nil {
		return nil, err
	}
	if err := s.deps.Peers.Orbs.RemoveOrbPrefix(r.ctx(), core.OrbPrefix{ID: entry, OrganizationID: organization.ID}); err != nil {
		return nil, err
	}
	s.deps.Logger.Info("prefix of URL orbs removed", "organization_id", organization.ID, "entry", entry, "user_id", r.user.ID)
	return api.Message{Message: "Deleted."}, nil
}
