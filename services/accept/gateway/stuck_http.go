// SPDX-License-Identifier: MPL-2.0

package gateway

import (
	"maps"
	"slices"
	"strings"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/api"
)

// listStuck answers GET /admin/stuck with what every service, or one, has set
// aside. A service that is away does not hide the others' rows.
func (s *Service) listStuck(r *request) (any, error) {
	names := slices.Sorted(maps.Keys(s.deps.Peers.Stuck))
	if one := r.query("service"); one != "" {
		if _, err := s.stuckOf(one); err != nil {
			return nil, err
		}
		names = []string{one}
	}
	out := api.StuckRows{Items: []api.StuckRow{}, Away: []string{}}
	for _, name := range names {
		rows, err := s.deps.Peers.Stuck[name].ListStuck(r.ctx(), core.StuckFilter{})
		switch {
		case core.ErrorCode(err) == core.CodeUnavailable:
			out.Away = append(out.Away, name)
		case err != nil:
			return nil, err
		default:
			out.Items = append(out.Items, showStuck(rows)...)
		}
	}
	return out, nil
}

// retryStuck answers POST /admin/stuck/retry.
func (s *Service) retryStuck(r *request) (any, error) {
	var in api.StuckRetry
	if err := r.body(&in); err != nil {
		return nil, err
	}
	peer, err := s.stuckOf(in.Service)
	if err != nil {
		return nil, err
	}
	if (in.ID == "") != in.All {
		return nil, core.Errorf(core.CodeInvalid, "Name the row by its id, or all with \"all\": true, and not both.")
	}
	rows, err := peer.RetryStuck(r.ctx(), core.StuckFilter{Table: in.Table, ID: in.ID})
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 && !in.All {
		return nil, core.Errorf(core.CodeNotFound, "The service %s has set no row %q aside.", in.Service, in.ID)
	}
	audit := s.deps.Logger.Named("audit")
	for _, row := range rows {
		audit.Info("row of work put back", "user_id", r.user.ID, "login", r.user.Login, "service", row.Service, "table", row.Table, "row_id", row.ID, "last_error", row.LastError)
	}
	return api.StuckRows{Items: showStuck(rows), Away: []string{}}, nil
}

func (s *Service) stuckOf(service string) (core.Stuck, error) {
	if peer := s.deps.Peers.Stuck[service]; peer != nil {
		return peer, nil
	}
	return nil, core.Errorf(core.CodeInvalid, "%q is no service that sets work aside; there are %s.",
		service, strings.Join(slices.Sorted(maps.Keys(s.deps.Peers.Stuck)), ", "))
}

func showStuck(rows []core.StuckRow) []api.StuckRow {
	out := make([]api.StuckRow, 0, len(rows))
	for _, row := range rows {
		out = append(out, api.StuckRow(row))
	}
	return out
}
