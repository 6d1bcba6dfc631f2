// SPDX-License-Identifier: MPL-2.0

package gateway

import (
	"net/http"
	"strings"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/api"
)

func (s *Service) orbEndpoints() []endpoint {
	orb := own + "/orbs/:namespace/:orb"
	return []endpoint{
		{method: http.MethodGet, path: own + "/orbs", summary: "List orbs", status: 200, query: []string{"namespace", "search", "category", "private", "unlisted", "page-token"}, out: api.List[api.Orb]{}, serve: s.listOrbs},
		{method: http.MethodPost, path: own + "/orbs", summary: "Create an orb", access: accessAdmin, status: 201, headers: []string{"Idempotency-Key"}, in: api.NewOrb{}, out: api.Orb{}, serve: s.createOrb},
		{method: http.MethodGet, path: orb, summary: "Get an orb", status: 200, out: api.Orb{}, serve: s.getOrb},
		{method: http.MethodPatch, path: orb, summary: "List or unlist an orb, change its categories", access: accessAdmin, status: 200, in: api.OrbChange{}, out: api.Orb{}, serve: s.changeOrb},
		{method: http.MethodGet, path: orb + "/versions", summary: "List an orb's versions", status: 200, out: api.List[api.OrbVersion]{}, serve: s.orbVersions},
		{method: http.MethodPost, path: orb + "/versions", summary: "Publish a version; releases need an administrator", status: 201, headers: []string{"Idempotency-Key"}, in: api.PublishOrb{}, out: api.OrbVersion{}, serve: s.publishOrb},
		{method: http.MethodGet, path: orb + "/version", summary: "Get a version with its source", status: 200, query: []string{"version"}, out: api.OrbVersion{}, serve: s.orbVersion},
		{method: http.MethodPost, path: orb + "/promote", summary: "Release a dev version", access: accessAdmin, status: 201, headers: []string{"Idempotency-Key"}, in: api.PromoteOrb{}, out: api.OrbVersion{}, serve: s.promoteOrb},
		{method: http.MethodGet, path: own + "/orb-categories", summary: "List the categories of orbs", status: 200, out: api.List[string]{}, serve: s.orbCategories},
		{method: http.MethodPost, path: own + "/orb-check", summary: "Check the source of an orb", status: 200, in: api.CheckOrb{}, out: api.CompileResult{}, serve: s.checkOrb},
	}
}

func showOrb(o core.Orb) api.Orb {
	categories := o.Categories
	if categories == nil {
		categories = []string{}
	}
	return api.Orb{
		ID: o.ID, Name: o.FullName(), Private: o.Private, Listed: o.Listed, Categories: categories,
		Latest: o.Latest, Description: o.Description, CreatedAt: o.CreatedAt,
	}
}

func showOrbVersion(v core.OrbVersion) api.OrbVersion {
	return api.OrbVersion{
		ID: v.ID, Orb: v.Orb, Version: v.Version, Digest: v.Digest, Source: v.Source, CreatedAt: v.CreatedAt, ExpiresAt: v.ExpiresAt,
	}
}

// orbKey is the orb in the address, as its own organization sees it: until roles
// come, every user sees all organizations.
func (r *request) orbKey() (core.OrbKey, error) {
	namespace, err := r.s.deps.Peers.Orbs.Namespace(r.ctx(), r.gin.Param("namespace"))
	if err != nil {
		return core.OrbKey{}, err
	}
	return core.OrbKey{
		Orb: r.gin.Param("namespace") + "/" + r.gin.Param("orb"), Version: r.query("version"), OrganizationID: namespace.OrganizationID,
	}, nil
}

// listOrbs answers GET /orbs.
func (s *Service) listOrbs(r *request) (any, error) {
	filter := core.OrbFilter{
		Namespace: r.query("namespace"), Search: r.query("search"), Category: r.query("category"),
		Private: r.query("private") == "true", Unlisted: r.query("unlisted") == "true", Page: core.Page{Token: r.query("page-token"), Limit: 100},
	}
	if filter.Private {
		if filter.Namespace == "" {
			return nil, core.Errorf(core.CodeInvalid, "Private orbs are listed by namespace; name one.")
		}
		namespace, err := s.deps.Peers.Orbs.Namespace(r.ctx(), filter.Namespace)
		if err != nil {
			return nil, err
		}
		filter.OrganizationID = namespace.OrganizationID
	}
	list, err := s.deps.Peers.Orbs.ListOrbs(r.ctx(), filter)
	if err != nil {
		return nil, err
	}
	items := make([]api.Orb, 0, len(list.Items))
	for _, o := range list.Items {
		items = append(items, showOrb(o))
	}
	return api.NewList(items, list.Next), nil
}

// createOrb answers POST /orbs.
func (s *Service) createOrb(r *request) (any, error) {
	var in api.NewOrb
	if err := r.body(&in); err != nil {
		return nil, err
	}
	namespace, name, ok := strings.Cut(in.Name, "/")
	if !ok {
		return nil, core.Errorf(core.CodeInvalid, "The name of an orb is namespace/orb.")
	}
	id, err := s.chosenID(r, "orb", in.Name)
	if err != nil {
		return nil, err
	}
	o, err := s.deps.Peers.Orbs.CreateOrb(r.ctx(), core.Orb{ID: id, Namespace: namespace, Name: name, Private: in.Private, Listed: true})
	if err != nil {
		return nil, err
	}
	s.deps.Logger.Info("orb created", "orb", o.FullName(), "user_id", r.user.ID)
	return showOrb(o), nil
}

// getOrb answers GET /orbs/{namespace}/{orb}.
func (s *Service) getOrb(r *request) (any, error) {
	key, err := r.orbKey()
	if err != nil {
		return nil, err
	}
	o, err := s.deps.Peers.Orbs.Orb(r.ctx(), key)
	return showOrb(o), err
}

// changeOrb answers PATCH /orbs/{namespace}/{orb}.
func (s *Service) changeOrb(r *request) (any, error) {
	var in api.OrbChange
	if err := r.body(&in); err != nil {
		return nil, err
	}
	key, err := r.orbKey()
	if err != nil {
		return nil, err
	}
	o, err := s.deps.Peers.Orbs.ChangeOrb(r.ctx(), core.OrbChange{
		Orb: key.Orb, Listed: in.Listed, AddCategory: in.AddCategory, RemoveCategory: in.RemoveCategory,
	})
	if err != nil {
		return nil, err
	}
	s.deps.Logger.Info("orb changed", "orb", o.FullName(), "user_id", r.user.ID)
	return showOrb(o), nil
}

// orbVersions answers GET /orbs/{namespace}/{orb}/versions.
func (s *Service) orbVersions(r *request) (any, error) {
	key, err := r.orbKey()
	if err != nil {
		return nil, err
	}
	versions, err := s.deps.Peers.Orbs.OrbVersions(r.ctx(), key)
	if err != nil {
		return nil, err
	}
	items := make([]api.OrbVersion, 0, len(versions))
	for _, v := range versions {
		items = append(items, showOrbVersion(v))
	}
	return api.NewList(items, ""), nil
}

// orbVersion answers GET /orbs/{namespace}/{orb}/version; without a version it
// is the highest released one.
func (s *Service) orbVersion(r *request) (any, error) {
	key, err := r.orbKey()
	if err != nil {
		return nil, err
	}
	v, err := s.deps.Peers.Orbs.OrbVersion(r.ctx(), key)
	return showOrbVersion(v), err
}

// publishOrb answers POST /orbs/{namespace}/{orb}/versions. As at CircleCI,
// everybody may publish dev versions.
func (s *Service) publishOrb(r *request) (any, error) {
	var in api.PublishOrb
	if err := r.body(&in); err != nil {
		return nil, err
	}
	if !r.user.Admin && (in.Increment != "" || !strings.HasPrefix(in.Version, "dev:")) {
		return nil, core.Errorf(core.CodeForbidden, "Only an administrator may release a version; you may publish dev versions, such as dev:%s.", r.user.Login)
	}
	key, err := r.orbKey()
	if err != nil {
		return nil, err
	}
	id, err := s.chosenID(r, "orb version", key.Orb)
	if err != nil {
		return nil, err
	}
	v, err := s.deps.Peers.Orbs.PublishOrb(r.ctx(), core.PublishOrbRequest{
		ID: id, Orb: key.Orb, Version: in.Version, Increment: in.Increment, Source: in.Source, Import: in.Import,
	})
	if err != nil {
		return nil, err
	}
	s.deps.Logger.Info("orb published", "orb", v.Orb, "version", v.Version, "user_id", r.user.ID)
	return showOrbVersion(v), nil
}

// promoteOrb answers POST /orbs/{namespace}/{orb}/promote.
func (s *Service) promoteOrb(r *request) (any, error) {
	var in api.PromoteOrb
	if err := r.body(&in); err != nil {
		return nil, err
	}
	key, err := r.orbKey()
	if err != nil {
		return nil, err
	}
	id, err := s.chosenID(r, "orb version", key.Orb)
	if err != nil {
		return nil, err
	}
	v, err := s.deps.Peers.Orbs.PromoteOrb(r.ctx(), core.PromoteOrbRequest{
		ID: id, Orb: key.Orb, From: in.From, Version: in.Version, Increment: in.Increment,
	})
	if err != nil {
		return nil, err
	}
	s.deps.Logger.Info("orb promoted", "orb", v.Orb, "version", v.Version, "user_id", r.user.ID)
	return showOrbVersion(v), nil
}

// orbCategories answers GET /orb-categories.
func (s *Service) orbCategories(r *request) (any, error) {
	names, err := s.deps.Peers.Orbs.OrbCategories(r.ctx())
	return api.NewList(names, ""), err
}

// checkOrb answers POST /orb-check.
func (s *Service) checkOrb(r *request) (any, error) {
	var in api.CheckOrb
	if err := r.body(&in); err != nil {
		return nil, err
	}
	var owner core.OrganizationID
	if in.Organization != "" {
		organization, err := s.organization(r.ctx(), in.Organization)
		if err != nil {
			return nil, err
		}
		owner = organization.ID
	}
	return s.CompileOrb(r.ctx(), in.Source, owner)
}
