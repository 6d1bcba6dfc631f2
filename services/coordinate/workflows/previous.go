// SPDX-License-Identifier: MPL-2.0

package workflows

import (
	"context"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
)

// previousReach is how far below a job's number that of the job before it on its
// branch is looked for. A branch that was quiet for longer has none: the number
// is for people, and not worth reading all jobs of a project for.
const previousReach = 500

// fillPrevious says which job of the branch came before each.
func (s *Service) fillPrevious(ctx context.Context, t specRows, out []core.TaskSpec) error {
	ids := make([]core.JobID, 0, len(t.jobs))
	for id := range t.jobs {
		ids = append(ids, id)
	}
	var rows []struct {
		ID       core.JobID `bun:"id"`
		Previous int64      `bun:"previous"`
	}
	// The range stands first: SQLite searches by the first bound that it finds, and
	// number > 0 is there for the index only.
	err := s.db.NewRaw(`SELECT j.id, coalesce((
			SELECT p.number FROM jobs AS p JOIN workflows AS pw ON pw.id = p.workflow_id
			WHERE p.project_id = j.project_id AND p.number BETWEEN j.number - ? AND j.number - 1
				AND p.number > 0 AND NOT p.copied AND pw.branch = w.branch
			ORDER BY p.number DESC LIMIT 1), 0) AS previous
		FROM jobs AS j JOIN workflows AS w ON w.id = j.workflow_id
		WHERE j.id IN (?) AND w.branch <> ''`, previousReach, bun.List(ids)).Scan(ctx, &rows)
	if err != nil {
		return err
	}
	previous := make(map[core.JobID]int64, len(rows))
	for _, row := range rows {
		previous[row.ID] = row.Previous
	}
	for i := range out {
		out[i].Previous = previous[out[i].Job]
	}
	return nil
}
