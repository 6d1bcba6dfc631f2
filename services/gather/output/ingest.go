// SPDX-License-Identifier: MPL-2.0

package output

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/wire"
)

// submission is one request on its way through the committer.
type submission struct {
	attempt core.AttemptID
	pieces  []piece
	size    int
	out     outcome
	done    chan struct{}
}

// outcome is the answer to one request. Acks are right whatever err is.
type outcome struct {
	acks wire.Acks
	err  error
}

// frames takes what was received and returns when what could be taken of it is
// durable. A body that turned bad in the middle counts up to there.
func (s *Service) frames(ctx context.Context, id core.AttemptID, r *received) outcome {
	sub := &submission{attempt: id, pieces: r.pieces, size: r.size, done: make(chan struct{})}
	began := time.Now() // how long it takes, not when it is
	if err := s.commits.submit(ctx, sub); err != nil {
		r.keep() // the committer may still be at it
		return outcome{err: err}
	}
	s.metrics.ack.Observe(time.Since(began).Seconds())
	if sub.out.err == nil && r.bad != nil {
		sub.out.err = core.Errorf(core.CodeInvalid, "reading frames: %w", r.bad)
	}
	return sub.out
}

// commit applies submissions in one transaction. When it fails for a reason
// other than the database being away or slow, each gets one of its own, so that
// what is wrong with one is not everyone's.
func (s *Service) commit(ctx context.Context, subs []*submission) {
	err := s.commitOnce(ctx, subs)
	if err == nil {
		return
	}
	away := core.ErrorCode(err) == core.CodeUnavailable || errors.Is(err, context.DeadlineExceeded)
	if len(subs) > 1 && ctx.Err() == nil && !away {
		for _, sub := range subs {
			s.commit(ctx, []*submission{sub})
		}
		return
	}
	for _, sub := range subs {
		sub.out = outcome{err: err}
	}
}

// commitTime bounds one transaction: a database that hangs must not hold
// every agent's connection.
const commitTime = 30 * time.Second

func (s *Service) commitOnce(ctx context.Context, subs []*submission) error {
	ctx, cancel := context.WithTimeout(ctx, commitTime)
	defer cancel()
	var b *batch
	err := s.deps.DB.Tx(ctx, func(ctx context.Context, tx bun.Tx) error {
		b = newBatch(s.cfg, s.now())
		if err := s.load(ctx, tx, b, subs); err != nil {
			return err
		}
		for _, sub := range subs {
			sub.out = b.apply(sub)
		}
		if err := s.save(ctx, tx, b); err != nil {
			return err
		}
		return s.explainGaps(ctx, tx, b, subs)
	})
	if err != nil {
		return err
	}
	s.metrics.batch.Observe(float64(len(subs)))
	s.metrics.received.Add(float64(b.received))
	s.metrics.dropped.Add(float64(b.dropped))
	s.announce(b)
	return nil
}

// announce tells readers and loops, after the commit.
func (s *Service) announce(b *batch) {
	for id := range b.heard {
		s.deps.Hints.Notify(attemptTopic(id))
	}
	for id := range b.news {
		s.deps.Hints.Notify(pipelineTopic(id))
	}
	for _, l := range b.logins {
		s.deps.Logger.Named("audit").Info("ssh session started", "attempt_id", l.attempt, "user_id", l.user, "step", l.event.Step, "kind", l.event.Name,
			"command", l.event.Command, "remote", l.event.Remote, "fingerprint", l.event.Fingerprint, "at", l.event.At)
	}
	if len(b.reports) > 0 {
		s.deps.Hints.Notify(reportsTopic)
	}
	for id := range b.ended {
		s.deps.Logger.Info("attempt ended", "attempt_id", id, "status", b.attempts[id].Status)
	}
}

// load reads and locks what the submissions can change.
func (s *Service) load(ctx context.Context, tx bun.IDB, b *batch, subs []*submission) error {
	ids, streams, tellers := touched(subs)
	attempts, err := s.lockAttempts(ctx, tx, ids)
	if err != nil {
		return err
	}
	for _, a := range attempts {
		b.attempts[a.attempt()] = a
	}
	var rows []*streamRow
	err = tx.NewSelect().Model(&rows).Column("attempt_id", "stream", "bytes", "kept", "cut").
		Where("attempt_id IN (?)", bun.List(ids)).Where("stream IN (?)", bun.List(streams)).Scan(ctx)
	if err != nil {
		return fmt.Errorf("reading streams: %w", err)
	}
	for _, r := range rows {
		b.streams[streamKey{r.Attempt, r.Stream}] = r
	}
	if len(tellers) == 0 {
		return nil
	}
	var steps []*stepRow
	if err := tx.NewSelect().Model(&steps).Where("attempt_id IN (?)", bun.List(tellers)).Scan(ctx); err != nil {
		return fmt.Errorf("reading steps: %w", err)
	}
	for _, r := range steps {
		b.steps[streamKey{r.Attempt, r.Number}] = r
	}
	return nil
}

// touched lists the attempts and streams of submissions, and the attempts that
// have events. Each list is without doubles; streams is never empty, so that it
// can stand in a condition.
func touched(subs []*submission) (ids []core.AttemptID, streams []int, tellers []core.AttemptID) {
	seenID, seenStream, seenTeller := map[core.AttemptID]bool{}, map[int]bool{}, map[core.AttemptID]bool{}
	for _, sub := range subs {
		ids = once(ids, seenID, sub.attempt)
		for _, p := range sub.pieces {
			streams = once(streams, seenStream, p.stream)
			if p.stream == wire.EventStream {
				tellers = once(tellers, seenTeller, sub.attempt)
			}
		}
	}
	if len(streams) == 0 {
		streams = []int{wire.EventStream}
	}
	return ids, streams, tellers
}

func once[T comparable](list []T, seen map[T]bool, v T) []T {
	if seen[v] {
		return list
	}
	seen[v] = true
	return append(list, v)
}

// save writes what the batch changed.
func (s *Service) save(ctx context.Context, tx bun.Tx, b *batch) error {
	b.seen()
	if err := s.insertChunks(ctx, tx, b.chunks); err != nil {
		return err
	}
	if err := upsertStreams(ctx, tx, pick(b.streams, b.grown)); err != nil {
		return err
	}
	if err := upsertSteps(ctx, tx, pick(b.steps, b.told)); err != nil {
		return err
	}
	if err := saveUsage(ctx, tx, b.usage); err != nil {
		return err
	}
	if err := saveAttempts(ctx, tx, b); err != nil {
		return err
	}
	if err := saveSSH(ctx, tx, b.ssh); err != nil {
		return err
	}
	if err := b.nameLogins(ctx, tx); err != nil {
		return err
	}
	if err := hurryReports(ctx, tx, b); err != nil {
		return err
	}
	if err := insertReports(ctx, tx, b.reports); err != nil {
		return err
	}
	ids := make([]string, 0, len(b.ended))
	for id := range b.ended {
		ids = append(ids, string(id))
		if err := loseSteps(ctx, tx, []core.AttemptID{id}, b.attempts[id].Status, b.now); err != nil {
			return err
		}
	}
	return s.markSeal(ctx, tx, b.now, ids...)
}

func pick[K comparable, V any](all map[K]*V, keys map[K]bool) []*V {
	out := make([]*V, 0, len(keys))
	for k := range keys {
		out = append(out, all[k])
	}
	return out
}

// saveAttempts writes the sums of all attempts in one statement and the few
// that changed more one by one.
func saveAttempts(ctx context.Context, tx bun.IDB, b *batch) error {
	if len(b.heard) == 0 {
		return nil
	}
	marks, args := make([]string, 0, len(b.heard)), make([]any, 0, 4*len(b.heard))
	for id := range b.heard {
		a := b.attempts[id]
		marks, args = append(marks, "(?, ?, ?, CAST(? AS BIGINT))"), append(args, a.ID, a.Bytes, a.SeenAt, a.ToldAt)
	}
	// Both databases call the columns of VALUES column1 and so on.
	query := "UPDATE attempts SET bytes = v.column2, seen_at = v.column3, told_at = v.column4 FROM (VALUES " +
		strings.Join(marks, ", ") + ") AS v WHERE attempts.id = v.column1"
	if _, err := tx.NewRaw(query, args...).Exec(ctx); err != nil {
		return fmt.Errorf("writing the sums of attempts: %w", err)
	}
	for id := range b.changed {
		_, err := tx.NewUpdate().Model(b.attempts[id]).
			Column("status", "reason", "ended_at", "event_tail", "agent_version", "host").Where("a.id = ?", string(id)).Exec(ctx)
		if err != nil {
			return fmt.Errorf("writing an attempt: %w", err)
		}
	}
	return nil
}

// explainGaps puts the lengths of all streams into answers that have a gap.
func (s *Service) explainGaps(ctx context.Context, tx bun.IDB, b *batch, subs []*submission) error {
	for _, sub := range subs {
		if !errors.Is(sub.out.err, errGap) {
			continue
		}
		all, err := lengths(ctx, tx, sub.attempt)
		if err != nil {
			return err
		}
		sub.out.acks.Streams = all
	}
	return nil
}
