// SPDX-License-Identifier: MPL-2.0

package output

import (
	"context"
	"fmt"
	"time"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
)

// pipelineTopic wakes those who follow the steps of a pipeline.
func pipelineTopic(id core.PipelineID) string { return "output.steps/" + string(id) }

// overlap is how far back each look goes again: a transaction that began
// earlier may have been committed later. One that took longer is left to the
// follower's own polls.
const overlap = 500 * time.Millisecond

// FollowSteps implements core.Output.
func (s *Service) FollowSteps(ctx context.Context, id core.PipelineID, tell func([]core.AttemptSteps) error) error {
	hint, unsubscribe := s.deps.Hints.Subscribe(pipelineTopic(id))
	defer unsubscribe()
	poll := time.NewTicker(s.cfg.Poll)
	defer poll.Stop()
	n := news{
		s: s, pipeline: id, told: map[core.AttemptID]time.Time{}, since: s.now().Add(-overlap),
		headed: map[core.AttemptID]int{},
	}
	for {
		changed, err := n.next(ctx)
		if err == nil {
			err = tell(changed) // also when there is nothing: a sign of life
		}
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-s.stopped:
			return errStopping()
		case <-hint:
		case <-poll.C:
		}
	}
}

// news finds the attempts of a pipeline that were told of since the last look.
type news struct {
	s        *Service
	pipeline core.PipelineID
	since    time.Time
	told     map[core.AttemptID]time.Time // what was found last, with its time
	headed   map[core.AttemptID]int       // how many steps of attempts that run had their head told
}

func (n *news) next(ctx context.Context) ([]core.AttemptSteps, error) {
	var rows []attemptRow
	err := n.s.deps.DB.NewSelect().Model(&rows).Column("id", "task_id", "number", "status", "reason", "told_at").
		Where("a.pipeline_id = ?", n.pipeline).Where("a.told_at > ?", store.At(n.since)).
		Order("a.told_at", "a.id").Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("looking for changed steps: %w", err)
	}
	found := make(map[core.AttemptID]time.Time, len(rows))
	var fresh []attemptRow
	for _, row := range rows {
		at := row.ToldAt.Time()
		if found[row.attempt()] = at; !n.told[row.attempt()].Equal(at) {
			fresh = append(fresh, row)
		}
		if from := at.Add(-overlap); from.After(n.since) {
			n.since = from
		}
	}
	// What is told after the clock was set back is dated before what was seen.
	if from := n.s.now().Add(-overlap); from.Before(n.since) {
		n.since = from
	}
	n.told = found
	changed, err := n.s.withSteps(ctx, fresh)
	if err != nil {
		return nil, err
	}
	return changed, n.addHeads(ctx, changed)
}
