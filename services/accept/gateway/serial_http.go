// SPDX-License-Identifier: MPL-2.0

package gateway

import (
	"net/http"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/api"
)

func (s *Service) serialEndpoints() []endpoint {
	groups := own + "/organization/:vcs/:org/serial-groups"
	return []endpoint{
		{method: http.MethodGet, path: groups, summary: "List the serial groups of an organization that somebody has, with who waits", status: 200, out: api.List[api.SerialGroup]{}, serve: s.listSerials},
		// Whoever may cancel the holder can free the group as well; that the holder
		// goes on without it concerns other projects, hence the administrator.
		{method: http.MethodPost, path: groups + "/release", summary: "Take a serial group from its holder, which goes on without it", access: accessAdmin, status: 200, in: api.SerialRelease{}, out: api.Message{}, serve: s.releaseSerial},
	}
}

// listSerials answers GET /organization/{vcs}/{organization}/serial-groups.
func (s *Service) listSerials(r *request) (any, error) {
	o, err := r.organization()
	if err != nil {
		return nil, err
	}
	groups, err := s.deps.Peers.Serials.ListSerials(r.ctx(), o.ID)
	if err != nil {
		return nil, err
	}
	items := make([]api.SerialGroup, len(groups))
	for i, g := range groups {
		items[i] = api.SerialGroup{Key: g.Key, Holder: showSerialClaim(g.Holder), HeldSince: g.HeldSince, Waiting: make([]api.SerialClaim, len(g.Waiting))}
		for k := range g.Waiting {
			items[i].Waiting[k] = *showSerialClaim(&g.Waiting[k])
		}
	}
	return api.NewList(items, ""), nil
}

// releaseSerial answers POST .../serial-groups/release.
func (s *Service) releaseSerial(r *request) (any, error) {
	o, err := r.organization()
	if err != nil {
		return nil, err
	}
	var in api.SerialRelease
	if err := r.body(&in); err != nil {
		return nil, err
	}
	if in.Key == "" {
		return nil, core.Errorf(core.CodeInvalid, "Say with key which serial group is to be released.")
	}
	if err := s.deps.Peers.Serials.FreeSerial(r.ctx(), core.SerialKey{Organization: o.ID, Key: in.Key}); err != nil {
		return nil, err
	}
	s.deps.Logger.Named("audit").Info("serial group released by hand", "organization_id", o.ID, "key", in.Key, "user_id", r.user.ID)
	return api.Message{Message: "Serial group released."}, nil
}

func showSerialClaim(c *core.SerialClaim) *api.SerialClaim {
	if c == nil {
		return nil
	}
	return &api.SerialClaim{ProjectSlug: c.ProjectSlug, PipelineNumber: c.Pipeline, WorkflowID: string(c.Workflow), Name: c.Name}
}
