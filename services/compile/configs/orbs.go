// SPDX-License-Identifier: MPL-2.0

package configs

import (
	"context"
	"slices"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/config"
)

// asked passes on what one compilation asks the registry, and notes whether
// something was refused: it may be there a minute later.
type asked struct {
	resolver config.OrbResolver
	refused  bool
}

func (a *asked) ResolveOrb(ctx context.Context, request core.ResolveOrbRequest) (core.ResolvedOrb, error) {
	answer, err := a.resolver.ResolveOrb(ctx, request)
	a.refused = a.refused || err != nil
	return answer, err
}

// current tells whether the references of a remembered result still mean what
// they meant. Exact ones do, and those that the request decides.
func (s *Service) current(ctx context.Context, request core.CompileRequest, orbs []core.LockedOrb) bool {
	for _, o := range orbs {
		decided := func(locked core.LockedOrb) bool { return locked.Ref == o.Ref }
		if config.ExactReference(o.Ref) || slices.ContainsFunc(request.Orbs, decided) {
			continue
		}
		if s.deps.Orbs == nil {
			return false
		}
		now, err := s.deps.Orbs.ResolveOrb(ctx, core.ResolveOrbRequest{Ref: o.Ref, OrganizationID: request.OrganizationID})
		if err != nil || now.Digest != o.Digest || now.Version != o.Version {
			return false
		}
	}
	return true
}
