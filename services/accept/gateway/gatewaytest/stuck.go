// SPDX-License-Identifier: MPL-2.0

package gatewaytest

import (
	"context"
	"slices"

	"github.com/muster-ci/muster/core"
)

// stuckOf returns the rows of Platform.Stuck that are of one service, which can be
// away under the method name "<service>.Stuck".
func (p *Platform) stuckOf(service string) core.Stuck { return &stuck{p, service} }

type stuck struct {
	p       *Platform
	service string
}

// ListStuck implements core.Stuck.
func (s *stuck) ListStuck(_ context.Context, f core.StuckFilter) ([]core.StuckRow, error) {
	defer s.p.lock("ListStuck")()
	if err := s.p.check(s.service + ".Stuck"); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(s.p.Stuck), s.other(f)), nil
}

// RetryStuck implements core.Stuck.
func (s *stuck) RetryStuck(_ context.Context, f core.StuckFilter) ([]core.StuckRow, error) {
	defer s.p.lock("RetryStuck")()
	if err := s.p.check(s.service + ".Stuck"); err != nil {
		return nil, err
	}
	other := s.other(f)
	back := slices.DeleteFunc(slices.Clone(s.p.Stuck), other)
	s.p.Stuck = slices.DeleteFunc(s.p.Stuck, func(row core.StuckRow) bool { return !other(row) })
	return back, nil
}

func (s *stuck) other(f core.StuckFilter) func(core.StuckRow) bool {
	return func(row core.StuckRow) bool {
		return row.Service != s.service || f.ID != "" && f.ID != row.ID || f.Table != "" && f.Table != row.Table
	}
}
