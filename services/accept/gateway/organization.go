// SPDX-License-Identifier: MPL-2.0

package gateway

import (
	"context"

	"github.com/muster-ci/muster/core"
)

// maxCollaborations bounds how many projects are looked at for their organizations.
const maxCollaborations = 1000

// Organizations returns those of all projects, in the order of their slugs:
// until roles come, every user sees all of them.
func (s *Service) Organizations(ctx context.Context) ([]core.Organization, error) {
	seen := map[core.OrganizationID]bool{}
	var list []core.Organization
	page := core.Page{Limit: 100}
	for range maxCollaborations / page.Limit {
		projects, err := s.deps.Peers.Projects.ListProjects(ctx, page)
		if err != nil {
			return nil, err
		}
		for _, p := range projects.Items {
			if !seen[p.Organization.ID] {
				seen[p.Organization.ID] = true
				list = append(list, p.Organization)
			}
		}
		if page.Token = projects.Next; page.Token == "" {
			break
		}
	}
	return list, nil
}
