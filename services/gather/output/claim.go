// SPDX-License-Identifier: MPL-2.0

package output

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/wire"
	"github.com/muster-ci/muster/services/gather/output/archive"
)

// attemptID is the one form of an attempt's id, so that what a token says can
// go into keys and logs.
var attemptID = regexp.MustCompile(`^m-[a-z2-7]{26}$`)

// claim answers an agent: it proves who it is by its workload identity, and
// placements says whether that allocation is the attempt.
func (s *Service) claim(ctx context.Context, identity string, r wire.ClaimRequest) (wire.ClaimResponse, error) {
	who, err := s.deps.Verifier.Verify(ctx, identity)
	if err != nil {
		return wire.ClaimResponse{}, fmt.Errorf("checking the workload identity: %w", err)
	}
	id := core.AttemptID(who.JobID)
	if !attemptID.MatchString(who.JobID) || who.AllocationID == "" {
		return wire.ClaimResponse{}, core.Errorf(core.CodeForbidden, "the workload identity is not that of a build")
	}
	if len(r.Nonce) < 16 || len(r.Nonce) > 128 {
		return wire.ClaimResponse{}, core.Errorf(core.CodeInvalid, "the nonce has %d bytes, it must have 16 to 128", len(r.Nonce))
	}
	wanted := core.Claim{Attempt: id, Allocation: who.AllocationID, Nonce: r.Nonce}
	protocol, err := wire.Agree(wire.Ours(), r.Speaks)
	if err != nil {
		wanted.Unfit = err.Error()
	}
	task, err := s.deps.Peers.Placements.Claim(ctx, wanted)
	if core.ErrorCode(err) == core.CodeConflict {
		// Claimed by another, or over: asking again cannot help the agent.
		return wire.ClaimResponse{}, &core.Error{Code: core.CodeConflict, Message: core.ErrorMessage(err), Err: errors.Join(errGone, err)}
	}
	if err == nil && wanted.Unfit != "" {
		// A placements of a version that knows no such claim has granted it.
		err = core.Errorf(core.CodeUnavailable, "%s; and placements is older than output", wanted.Unfit)
	}
	if err != nil {
		return wire.ClaimResponse{}, fmt.Errorf("claiming: %w", err)
	}
	token := newToken()
	streams, err := s.admit(ctx, id, who.AllocationID, token, r, task)
	if err != nil {
		return wire.ClaimResponse{}, err
	}
	time.AfterFunc(runningAfter, func() { s.deps.Hints.Notify(reportsTopic) })
	s.deps.Hints.Notify(pipelineTopic(task.Spec.Pipeline.ID))
	s.deps.Logger.Info("attempt claimed", "attempt_id", id, "task_id", task.Spec.Task, "alloc_id", who.AllocationID, "streams", len(streams))
	return wire.ClaimResponse{
		Token: token, Task: task, Streams: streams,
		Limits:   wire.Limits{StepBytes: s.cfg.StepBytes, Heartbeat: s.cfg.Heartbeat},
		Protocol: protocol,
		Now:      s.now(),
	}, nil
}

// admit records a granted claim and returns what is known of its streams.
func (s *Service) admit(ctx context.Context, id core.AttemptID, allocation, token string, r wire.ClaimRequest, task core.ClaimedTask) (streams map[int]int64, err error) {
	now := s.now()
	row := &attemptRow{
		Task: task.Spec.Task, Pipeline: task.Spec.Pipeline.ID, Number: task.Attempt.Number, Allocation: allocation,
		AgentVersion: clip(r.AgentVersion, maxName), Host: clip(r.Host, maxName),
		Bundle: task.Spec.Pipeline.Source.Bundle, Status: core.JobRunning,
		ClaimedAt: store.At(now), SeenAt: store.At(now), ToldAt: store.At(now),
	}
	row.ID = string(id)
	err = s.deps.DB.Tx(ctx, func(ctx context.Context, tx bun.Tx) error {
		known, err := s.lockAttempts(ctx, tx, []core.AttemptID{id})
		if err != nil {
			return err
		}
		if len(known) > 0 && known[0].Status.Ended() {
			return gone(id)
		}
		if err := putClaim(ctx, tx, row); err != nil {
			return err
		}
		if err := putToken(ctx, tx, tokenRow{Hash: hash(token), Attempt: id, Allocation: allocation, CreatedAt: store.At(now)}); err != nil {
			return err
		}
		if err := putGrant(ctx, tx, id, task.Spec); err != nil {
			return err
		}
		if err := archive.Admit(ctx, tx, id, task); err != nil {
			return err
		}
		if err := insertReports(ctx, tx, []*reportRow{newReport(id, core.JobRunning, "", now, now.Add(runningAfter))}); err != nil {
			return err
		}
		streams = map[int]int64{}
		if len(known) > 0 { // otherwise nobody can have written yet
			streams, err = lengths(ctx, tx, id)
		}
		return err
	})
	return streams, err
}

// putClaim writes the attempt. A row may be there already: of an earlier claim
// by the same agent, or because a wish to stop came first.
func putClaim(ctx context.Context, tx bun.IDB, row *attemptRow) error {
	q := tx.NewInsert().Model(row).On("CONFLICT (id) DO UPDATE")
	for _, column := range []string{"task_id", "pipeline_id", "number", "allocation_id", "agent_version", "host", "bundle", "claimed_at", "seen_at", "told_at"} {
		q = q.Set("? = EXCLUDED.?", bun.Ident(column), bun.Ident(column))
	}
	if _, err := q.Exec(ctx); err != nil {
		return fmt.Errorf("writing the attempt: %w", err)
	}
	return nil
}

// heartbeat records a sign of life. An agent whose attempt was closed is asked
// to come to an end while its last bytes are welcome, and told that it is over
// after that.
func (s *Service) heartbeat(ctx context.Context, in session) (wire.Acks, error) {
	now := s.now()
	if !in.ended.IsZero() {
		if now.Before(in.ended.Add(s.cfg.Grace)) {
			return wire.Acks{Stop: stopCanceled}, nil
		}
		return wire.Acks{}, gone(in.attempt)
	}
	// Written now and then only: it is for people who look.
	if now.Sub(in.seen) > 2*s.cfg.Heartbeat {
		_, err := s.deps.DB.NewUpdate().TableExpr("attempts").Set("seen_at = ?", store.At(now)).Where("id = ?", string(in.attempt)).Exec(ctx)
		if err != nil {
			return wire.Acks{}, fmt.Errorf("recording a heartbeat: %w", err)
		}
	}
	return wire.Acks{Stop: in.stop}, nil
}
