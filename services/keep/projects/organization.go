// SPDX-License-Identifier: MPL-2.0

package projects

import (
	"context"
	"time"

	"github.com/muster-ci/muster/core"
)

// leastTimeLimit keeps a limit from ending jobs before their first step.
const leastTimeLimit = time.Minute

// Organization implements core.Projects. For the kind "circleci" the name may be
// the id.
func (s *Service) Organization(ctx context.Context, o core.Organization) (core.Organization, error) {
	if o.VCS == "circleci" {
		known, err := s.organizationWhere(ctx, "id = ?", o.Name)
		if core.ErrorCode(err) != core.CodeNotFound {
			return known, err
		}
	}
	return s.organizationWhere(ctx, "vcs = ? AND name = ?", o.VCS, o.Name)
}

// UpdateOrganization implements core.Projects.
func (s *Service) UpdateOrganization(ctx context.Context, o core.Organization) (core.Organization, error) {
	known, err := s.organizationWhere(ctx, "id = ?", o.ID)
	if err != nil {
		return core.Organization{}, err
	}
	known.Concurrency, known.Settings = o.Concurrency, o.Settings
	if err := s.validOrganization(known); err != nil {
		return core.Organization{}, err
	}
	return known, s.updateOrganization(ctx, known)
}

func (s *Service) validOrganization(o core.Organization) error {
	if o.Concurrency < 0 {
		return core.Errorf(core.CodeInvalid, "The concurrency of an organization cannot be negative.")
	}
	return s.validLimit(o.Settings.JobTimeLimit)
}

// validLimit bounds a job time limit; 0 is none of one's own.
func (s *Service) validLimit(limit time.Duration) error {
	if limit == 0 || limit >= leastTimeLimit && limit <= s.cfg.MaxJobTimeLimit {
		return nil
	}
	return core.Errorf(core.CodeInvalid, "A job time limit of %s cannot be set; this installation allows %s to %s, and 0 for the default.", limit, leastTimeLimit, s.cfg.MaxJobTimeLimit)
}
