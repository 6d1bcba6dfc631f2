// SPDX-License-Identifier: MPL-2.0

package output

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
)

// maxTokens is how many tokens of one attempt are good at the same time. Each
// claim makes one, and an answer that was lost may be the one that arrives.
const maxTokens = 8

// newToken returns a task token: 260 random bits.
func newToken() string { return "mt_" + rand.Text() + rand.Text() }

// hash is what is stored of a token. Tokens are random, so one round is enough.
func hash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

func putToken(ctx context.Context, tx bun.IDB, row tokenRow) error {
	if _, err := tx.NewInsert().Model(&row).Exec(ctx); err != nil {
		return fmt.Errorf("writing the task token: %w", err)
	}
	keep := tx.NewSelect().Model((*tokenRow)(nil)).Column("hash").
		Where("t.attempt_id = ?", row.Attempt).Order("t.created_at DESC", "t.hash").Limit(maxTokens)
	_, err := tx.NewDelete().TableExpr("tokens").Where("attempt_id = ?", row.Attempt).Where("hash NOT IN (?)", keep).Exec(ctx)
	if err != nil {
		return fmt.Errorf("removing old task tokens: %w", err)
	}
	return nil
}

// session is what a task token stands for.
type session struct {
	attempt core.AttemptID
	bundle  string
	stop    string
	seen    time.Time
	ended   time.Time // zero while it runs
}

// authenticate returns the session of a task token: CodeUnauthorized for one
// that is not known, errGone for one whose attempt ended some time ago.
func (s *Service) authenticate(ctx context.Context, token string) (session, error) {
	if token == "" || len(token) > 128 {
		return session{}, core.Errorf(core.CodeUnauthorized, "the request has no task token")
	}
	var a attemptRow
	err := s.deps.DB.NewSelect().Model(&a).Column("a.id", "a.bundle", "a.stop", "a.status", "a.seen_at", "a.ended_at").
		Join("JOIN tokens AS t ON t.attempt_id = a.id AND t.allocation_id = a.allocation_id").
		Where("t.hash = ?", hash(token)).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return session{}, core.Errorf(core.CodeUnauthorized, "the task token is not valid")
	}
	if err != nil {
		return session{}, fmt.Errorf("looking up the task token: %w", err)
	}
	if a.void(s.now()) {
		return session{}, gone(a.attempt())
	}
	return session{a.attempt(), a.Bundle, a.Stop, a.SeenAt.Time(), a.EndedAt.Time()}, nil
}

// void tells that the attempt's tokens are worth nothing any more.
func (a *attemptRow) void(now time.Time) bool {
	return a.Status.Ended() && !now.Before(a.EndedAt.Time().Add(tokenLife))
}

// owner returns the attempt of a token for frames, which look at the attempt's
// row themselves. Whose a token is never changes, so it is remembered.
func (s *Service) owner(ctx context.Context, token string) (core.AttemptID, error) {
	if id, ok := s.owners.get(token); ok {
		return id, nil
	}
	in, err := s.authenticate(ctx, token)
	if err != nil {
		return "", err
	}
	s.owners.put(token, in.attempt)
	return in.attempt, nil
}

// owners remembers whose tokens are. It holds no secrets but hashes, and only
// so many of them.
type owners struct {
	mu     sync.Mutex
	byHash map[[sha256.Size]byte]core.AttemptID
}

// maxOwners bounds the memory; an agent that is forgotten costs one query.
const maxOwners = 10_000

func (o *owners) get(token string) (core.AttemptID, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	id, ok := o.byHash[sha256.Sum256([]byte(token))]
	return id, ok
}

func (o *owners) put(token string, id core.AttemptID) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.byHash == nil || len(o.byHash) >= maxOwners {
		o.byHash = make(map[[sha256.Size]byte]core.AttemptID)
	}
	o.byHash[sha256.Sum256([]byte(token))] = id
}
