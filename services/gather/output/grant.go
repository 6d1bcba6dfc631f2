// SPDX-License-Identifier: MPL-2.0

package output

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/wire"
)

// grantRow is what an attempt may ask for beyond its output.
type grantRow struct {
	bun.BaseModel `bun:"table:grants,alias:g"`
	Attempt       core.AttemptID               `bun:"attempt_id,pk"`
	Task          core.TaskID                  `bun:"task_id"`
	Identity      store.JSON[core.JobIdentity] `bun:"identity"`
	SSHUser       core.UserID                  `bun:"ssh_user"`
	SSHAddress    string                       `bun:"ssh_address"`
	SSHHostKey    string                       `bun:"ssh_host_key"`
}

// putGrant writes what a claimed task may ask for. A second claim by the same
// agent changes nothing.
func putGrant(ctx context.Context, tx bun.IDB, id core.AttemptID, spec core.TaskSpec) error {
	row := &grantRow{Attempt: id, Task: spec.Task, Identity: store.JSON[core.JobIdentity]{V: spec.JobIdentity()}}
	if spec.SSH != nil {
		row.SSHUser = spec.SSH.User
	}
	if _, err := tx.NewInsert().Model(row).On("CONFLICT (attempt_id) DO NOTHING").Exec(ctx); err != nil {
		return fmt.Errorf("writing what the attempt may ask for: %w", err)
	}
	return nil
}

func (s *Service) grant(ctx context.Context, id core.AttemptID) (grantRow, error) {
	var row grantRow
	err := s.deps.DB.NewSelect().Model(&row).Where("g.attempt_id = ?", id).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return row, core.Errorf(core.CodeNotFound, "attempt %s was claimed before this could be asked", id)
	}
	if err != nil {
		return row, fmt.Errorf("reading what the attempt may ask for: %w", err)
	}
	return row, nil
}

// nameLogins finds out who logged in.
func (b *batch) nameLogins(ctx context.Context, tx bun.IDB) error {
	for i := range b.logins {
		err := tx.NewSelect().TableExpr("grants").Column("ssh_user").Where("attempt_id = ?", b.logins[i].attempt).Scan(ctx, &b.logins[i].user)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("reading who may log in: %w", err)
		}
	}
	return nil
}

// saveSSH keeps where attempts can be logged in to, as their agents told.
func saveSSH(ctx context.Context, tx bun.IDB, ready map[core.AttemptID]wire.Event) error {
	for id, e := range ready {
		_, err := tx.NewUpdate().TableExpr("grants").Set("ssh_address = ?", e.Address).Set("ssh_host_key = ?", e.HostKey).
			Where("attempt_id = ?", id).Where("ssh_user <> ''").Exec(ctx)
		if err != nil {
			return fmt.Errorf("writing where to log in: %w", err)
		}
	}
	return nil
}

const (
	// maxJobTokens is how many tokens one attempt may ask for, and every how long
	// another when it has had those.
	maxJobTokens  = 30
	jobTokenEvery = 2 * time.Second
)

// jobTokens hands out OIDC tokens of the attempt's job. The audience is the
// build's to choose; who it is, is not.
func (s *Service) jobTokens(ctx context.Context, in session, audience []string) (core.JobTokens, error) {
	if !in.ended.IsZero() {
		return core.JobTokens{}, gone(in.attempt)
	}
	if wait, ok := s.tokenLimits.Take(string(in.attempt)); !ok {
		return core.JobTokens{}, core.Errorf(core.CodeExhausted, "the job asks for too many OIDC tokens; the next one is there in %s", wait.Round(time.Second))
	}
	g, err := s.grant(ctx, in.attempt)
	if err != nil {
		return core.JobTokens{}, err
	}
	return s.deps.Peers.JobTokens.IssueJobTokens(ctx, core.JobTokenRequest{Identity: g.Identity.V, Audience: audience})
}
