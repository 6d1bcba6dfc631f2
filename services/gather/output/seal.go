// SPDX-License-Identifier: MPL-2.0

package output

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/work"
	"github.com/muster-ci/muster/services/gather/output/archive"
)

// phase is where the bytes of an attempt are.
//
//	open ──► sealing ──► sealed ──► pruned ──► expired ──► the row is deleted
//	 │          │           │          │          └ nowhere: older than keep_output
//	 │          │           │          └ in the object alone
//	 │          │           └ in the object; the chunks go with the task tokens
//	 │          └ in chunks; complete, no more are taken
//	 └ in chunks, growing
//
// Each arrow is one write, and what it needs was done before: between any two
// lines a process may die, and the next one goes on from the phase in the row.
type phase string

const (
	phaseOpen    phase = ""
	phaseSealing phase = "sealing"
	phaseSealed  phase = "sealed"
	phasePruned  phase = "pruned"
	phaseExpired phase = "expired"
)

// inObject tells that readers find the bytes in the object.
func (p phase) inObject() bool { return p == phaseSealed || p == phasePruned }

func (s *Service) sealAll(ctx context.Context, rows []*attemptRow) []work.Result {
	results := make([]work.Result, len(rows))
	for i, a := range rows {
		results[i] = s.advance(ctx, a)
	}
	return results
}

// advance takes an attempt through its phases as far as its time has come.
func (s *Service) advance(ctx context.Context, a *attemptRow) work.Result {
	for {
		if !a.Status.Ended() {
			return work.Done()
		}
		if at := s.nextPhase(a); at.IsZero() {
			return work.Done()
		} else if s.now().Before(at) {
			return work.Again(at)
		}
		if a.Phase == phaseExpired {
			if err := s.forget(ctx, a); err != nil {
				return work.Fail(fmt.Errorf("forgetting attempt %s: %w", a.ID, err))
			}
			return work.Delete()
		}
		steps := map[phase]func(context.Context, *attemptRow) error{
			phaseOpen: s.shut, phaseSealing: s.seal, phaseSealed: s.prune, phasePruned: s.expire,
		}
		if err := steps[a.Phase](ctx, a); err != nil {
			return work.Fail(fmt.Errorf("moving the output of attempt %s on from phase %q: %w", a.ID, a.Phase, err))
		}
	}
}

// nextPhase returns when the attempt leaves its phase, zero for never.
func (s *Service) nextPhase(a *attemptRow) time.Time {
	ended := a.EndedAt.Time()
	switch a.Phase {
	case phaseOpen:
		return ended.Add(s.cfg.SealAfter)
	case phaseSealing:
		return ended
	case phaseSealed:
		return ended.Add(tokenLife)
	case phasePruned:
		if s.cfg.KeepOutput > 0 {
			return ended.Add(s.cfg.KeepOutput)
		}
	case phaseExpired:
		if s.cfg.Keep > 0 {
			return ended.Add(s.cfg.Keep)
		}
	}
	return time.Time{}
}

// shut refuses further bytes from here on. Frames lock the same row, so that
// none are under way when this returns.
func (s *Service) shut(ctx context.Context, a *attemptRow) error {
	return s.setPhase(ctx, s.deps.DB, a, phaseSealing)
}

// setPhase moves one phase on, unless another process did: then it reads where
// that one got to.
func (s *Service) setPhase(ctx context.Context, db bun.IDB, a *attemptRow, to phase) error {
	_, err := db.NewUpdate().TableExpr("attempts").Set("phase = ?", to).Set("object = ?", a.Object).
		Where("id = ?", a.ID).Where("phase = ?", a.Phase).Exec(ctx)
	if err != nil {
		return fmt.Errorf("setting phase %s: %w", to, err)
	}
	return s.reread(ctx, db, a)
}

func (s *Service) reread(ctx context.Context, db bun.IDB, a *attemptRow) error {
	if err := db.NewSelect().Model(a).Column("phase", "object").Where("a.id = ?", a.ID).Scan(ctx); err != nil {
		return fmt.Errorf("reading the attempt: %w", err)
	}
	return nil
}

// objectPrefix is the folder of an attempt's objects. There may be several
// after a crash in mid-upload; the row names the one that counts.
func objectPrefix(a *attemptRow) string { return "output/" + a.ID + "/" }

// seal writes the object and then, in one transaction, makes it the place where
// readers look. Of two processes that do the same one wins, and as each wrote
// an object of its own, the index fits whichever counts.
func (s *Service) seal(ctx context.Context, a *attemptRow) error {
	var streams []*streamRow
	err := s.deps.DB.NewSelect().Model(&streams).Where("s.attempt_id = ?", a.ID).Where("s.kept > 0").Order("s.stream").Scan(ctx)
	if err != nil {
		return fmt.Errorf("reading streams: %w", err)
	}
	was := a.Object
	a.Object = ""
	if len(streams) > 0 {
		a.Object = objectPrefix(a) + strings.ToLower(rand.Text())
		if err := s.upload(ctx, a, streams); err != nil {
			a.Object = was
			return err
		}
	}
	mine := a.Object
	err = s.deps.DB.Tx(ctx, func(ctx context.Context, tx bun.Tx) error {
		row := *a
		row.Phase = phaseSealing
		if err := s.setPhase(ctx, tx, &row, phaseSealed); err != nil {
			return err
		}
		if row.Object == mine {
			if err := putIndex(ctx, tx, streams); err != nil {
				return err
			}
		}
		*a = row
		return nil
	})
	if err == nil && mine != "" && a.Object != mine {
		err = s.deps.Objects.Delete(ctx, mine)
	}
	if err != nil {
		return err
	}
	s.deps.Logger.Debug("output sealed", "attempt_id", a.ID, "streams", len(streams), "object", a.Object)
	return nil
}

func putIndex(ctx context.Context, tx bun.IDB, streams []*streamRow) error {
	for _, st := range streams {
		_, err := tx.NewUpdate().Model(st).Column("object_at", "frames").
			Where("s.attempt_id = ?", st.Attempt).Where("s.stream = ?", st.Stream).Exec(ctx)
		if err != nil {
			return fmt.Errorf("writing the index of a stream: %w", err)
		}
	}
	return nil
}

// prune deletes what is not needed any more: the chunks, objects of uploads
// that did not come to their end, and the task tokens. Readers that were in the
// middle of the chunks go on in the object.
func (s *Service) prune(ctx context.Context, a *attemptRow) error {
	if _, err := s.deps.DB.NewDelete().TableExpr("tokens").Where("attempt_id = ?", a.ID).Exec(ctx); err != nil {
		return fmt.Errorf("deleting task tokens: %w", err)
	}
	if err := archive.Release(ctx, s.deps.DB, a.attempt(), a.Status); err != nil {
		return err
	}
	if err := s.deleteObjects(ctx, a, a.Object); err != nil {
		return err
	}
	if err := s.deleteChunks(ctx, a); err != nil {
		return err
	}
	return s.setPhase(ctx, s.deps.DB, a, phasePruned)
}

func (s *Service) deleteObjects(ctx context.Context, a *attemptRow, keep string) error {
	var keys []string
	err := s.deps.Objects.List(ctx, objectPrefix(a), func(key string, _ int64, _ time.Time) error {
		if key != keep {
			keys = append(keys, key)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("listing objects: %w", err)
	}
	for _, key := range keys {
		if err := s.deps.Objects.Delete(ctx, key); err != nil && core.ErrorCode(err) != core.CodeNotFound {
			return fmt.Errorf("deleting an object: %w", err)
		}
	}
	return nil
}

// deleteChunks deletes in small transactions: on SQLite every agent waits for
// each.
func (s *Service) deleteChunks(ctx context.Context, a *attemptRow) error {
	for {
		some := s.deps.DB.NewSelect().TableExpr("chunks").Column("stream", "start").
			Where("attempt_id = ?", a.ID).Order("stream", "start").Limit(100)
		res, err := s.deps.DB.NewDelete().TableExpr("chunks").
			Where("attempt_id = ?", a.ID).Where("(stream, start) IN (?)", some).Exec(ctx)
		if err != nil {
			return fmt.Errorf("deleting chunks: %w", err)
		}
		n, err := res.RowsAffected()
		if err != nil {
			return fmt.Errorf("counting deleted chunks: %w", err)
		}
		if n == 0 {
			return nil
		}
	}
}
