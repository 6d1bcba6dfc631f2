// SPDX-License-Identifier: MPL-2.0

package output

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/wire"
)

const (
	// maxHead is how long the first write of a step may be to go along with the
	// news of it: what is longer is worth a request.
	maxHead = 8 << 10
	// maxHeads bounds how many go along with one look.
	maxHeads = 64
)

// addHeads adds the first bytes of steps that have begun to write since their
// attempt was told of last. So the output of short steps, and the first line of
// long ones, is with the reader without a request for it.
func (n *news) addHeads(ctx context.Context, changed []core.AttemptSteps) error {
	wanted := map[streamKey]*core.AttemptSteps{}
	for i := range changed {
		a := &changed[i]
		for _, step := range a.Steps[min(n.headed[a.Attempt], len(a.Steps)):] {
			if step.Bytes == 0 && step.StoppedAt == nil || len(wanted) == maxHeads {
				break // it is looked at again when it writes
			}
			n.headed[a.Attempt]++
			if step.Bytes > 0 {
				wanted[streamKey{a.Attempt, wire.StepStream(step.Number)}] = a
			}
		}
		if a.Status.Ended() {
			delete(n.headed, a.Attempt)
		}
	}
	return n.s.readHeads(ctx, wanted)
}

// readHeads gets heads from the store; those that are long, or are in the
// object already, stay out.
func (s *Service) readHeads(ctx context.Context, wanted map[streamKey]*core.AttemptSteps) error {
	if len(wanted) == 0 {
		return nil
	}
	var ids []core.AttemptID
	var streams []int
	for key := range wanted {
		ids, streams = append(ids, key.attempt), append(streams, key.stream)
	}
	var rows []struct {
		Attempt core.AttemptID `bun:"attempt_id"`
		Stream  int
		Size    int
		Packed  bool
		Data    []byte
	}
	err := s.deps.DB.NewSelect().TableExpr("chunks").Column("attempt_id", "stream", "size", "packed", "data").
		Where("attempt_id IN (?)", bun.List(ids)).Where("stream IN (?)", bun.List(streams)).
		Where("start = 0").Where("size <= ?", maxHead).Scan(ctx, &rows)
	if err != nil {
		return fmt.Errorf("reading the first bytes of steps: %w", err)
	}
	for _, r := range rows {
		a := wanted[streamKey{r.Attempt, r.Stream}]
		if a == nil {
			continue
		}
		head, err := body{r.Packed, r.Data}.unpack(nil, r.Size)
		if err != nil {
			return err
		}
		if a.Heads == nil {
			a.Heads = map[int][]byte{}
		}
		a.Heads[r.Stream-wire.StepStream(0)] = head
	}
	return nil
}
