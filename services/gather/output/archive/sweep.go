// SPDX-License-Identifier: MPL-2.0

package archive

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"
	"golang.org/x/sync/errgroup"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/work"
)

// Topic is hinted at when archives are due for the sweeper.
const Topic = "output.archives"

const (
	// checkOpen is how often it is asked whether the attempt behind an open
	// archive is still there.
	checkOpen = 10 * time.Minute
	// linger is how long a removed archive stays: longer than any URL that was
	// signed for it.
	linger = urlLife + 5*time.Minute
	// retryRemoval is the wait after the object store could not be used. It is
	// no failure of the row, which an outage would set aside.
	retryRemoval = 5 * time.Minute
	// deleters is how many objects are deleted side by side.
	deleters = 8
)

func (s *Archives) handle(ctx context.Context, rows []*row) []work.Result {
	results := make([]work.Result, len(rows))
	for i, r := range rows {
		results[i] = s.advance(ctx, r)
	}
	return results
}

// advance takes an archive on as far as its time has come.
func (s *Archives) advance(ctx context.Context, r *row) work.Result {
	now := s.now()
	switch r.State {
	case stateOpen:
		return s.advanceOpen(ctx, r, now)
	case stateCommitted:
		expires := r.ExpiresAt.Time()
		if expires.IsZero() {
			return work.Done()
		}
		if now.Before(expires) {
			return work.Again(expires)
		}
		return s.retire(ctx, r, now)
	case stateRemoved:
		if end := r.RemovedAt.Time().Add(linger); now.Before(end) {
			return work.Again(end)
		}
		return s.destroy(ctx, r, now)
	default:
		return work.Fail(fmt.Errorf("archive %s is in the unknown state %q", r.ID, r.State))
	}
}

// advanceOpen gives an archive up whose attempt ended without a commit.
func (s *Archives) advanceOpen(ctx context.Context, r *row, now time.Time) work.Result {
	var status core.JobStatus
	err := s.deps.DB.NewSelect().TableExpr("attempts").Column("status").Where("id = ?", string(r.Attempt)).Scan(ctx, &status)
	switch {
	case err != nil && !errors.Is(err, sql.ErrNoRows):
		return work.Fail(fmt.Errorf("asking for the attempt of an archive: %w", err))
	case err == nil && !status.Ended():
		return work.Again(now.Add(checkOpen))
	default:
		return s.retire(ctx, r, now)
	}
}

// retire removes a row that was claimed; the mark that remove makes brings it
// back for its objects.
func (s *Archives) retire(ctx context.Context, r *row, now time.Time) work.Result {
	err := s.deps.DB.Tx(ctx, func(ctx context.Context, tx bun.Tx) error { return s.remove(ctx, tx, now, r.ID) })
	if err != nil {
		return work.Fail(fmt.Errorf("removing archive %s: %w", r.ID, err))
	}
	return work.Done()
}

// remove takes archives out of sight. Their objects go when nobody can be
// reading them any more.
func (s *Archives) remove(ctx context.Context, tx bun.IDB, now time.Time, ids ...string) error {
	if len(ids) == 0 {
		return nil
	}
	_, err := tx.NewUpdate().TableExpr("archives").Set("state = ?", stateRemoved).Set("removed_at = ?", store.At(now)).
		Where("id IN (?)", bun.List(ids)).Where("state <> ?", stateRemoved).Exec(ctx)
	if err != nil {
		return fmt.Errorf("removing archives: %w", err)
	}
	if _, err := tx.NewDelete().TableExpr("artifacts").Where("archive_id IN (?)", bun.List(ids)).Exec(ctx); err != nil {
		return fmt.Errorf("removing artifacts: %w", err)
	}
	return work.MarkDue(ctx, tx, "archives", now.Add(linger), ids...)
}

// destroy deletes the objects of a removed archive and, last, its row, which
// finds them again after a crash.
func (s *Archives) destroy(ctx context.Context, r *row, now time.Time) work.Result {
	err := s.deleteObjects(ctx, r)
	switch {
	case core.ErrorCode(err) == core.CodeUnavailable && ctx.Err() == nil:
		s.deps.Logger.Warn("objects of a removed archive could not be deleted, trying again later", "archive_id", r.ID, "error", err)
		return work.Again(now.Add(retryRemoval))
	case err != nil:
		return work.Fail(fmt.Errorf("deleting archive %s: %w", r.ID, err))
	}
	s.metrics.removed.WithLabelValues(string(r.Kind)).Inc()
	return work.Delete()
}

func (s *Archives) deleteObjects(ctx context.Context, r *row) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(deleters)
	err := s.deps.Objects.List(ctx, r.prefix(), func(key string, _ int64, _ time.Time) error {
		group.Go(func() error { return s.deps.Objects.Delete(ctx, key) })
		return nil
	})
	return errors.Join(err, group.Wait())
}
