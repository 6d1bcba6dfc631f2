// SPDX-License-Identifier: MPL-2.0

package identity

import (
	"context"
	"crypto/subtle"
	"database/sql"
	"errors"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
)

type userRow struct {
	bun.BaseModel `bun:"table:users,alias:u"`

	ID        core.UserID `bun:"id,pk"`
	Login     string      `bun:"login"`
	Name      string      `bun:"name"`
	Admin     bool        `bun:"admin"`
	CreatedAt store.Time  `bun:"created_at"`
}

func (r userRow) user() core.User {
	return core.User{ID: r.ID, Login: r.Login, Name: r.Name, Admin: r.Admin}
}

type tokenRow struct {
	bun.BaseModel `bun:"table:tokens,alias:t"`

	ID        core.TokenID `bun:"id,pk"`
	UserID    core.UserID  `bun:"user_id"`
	Label     string       `bun:"label"`
	Hash      []byte       `bun:"hash"`
	CreatedAt store.Time   `bun:"created_at"`
}

func (r tokenRow) token() core.Token {
	return core.Token{ID: r.ID, User: r.UserID, Label: r.Label, CreatedAt: r.CreatedAt.Time()}
}

func newTokenRow(t core.Token, hash []byte) *tokenRow {
	return &tokenRow{ID: t.ID, UserID: t.User, Label: t.Label, Hash: hash, CreatedAt: store.At(t.CreatedAt)}
}

type milestoneRow struct {
	bun.BaseModel `bun:"table:milestones,alias:m"`

	Name string     `bun:"name,pk"`
	At   store.Time `bun:"at"`
}

// User implements core.Identity.
func (s *Service) User(ctx context.Context, id core.UserID) (core.User, error) {
	return s.userWhere(ctx, "id = ?", id)
}

func (s *Service) userByLogin(ctx context.Context, login string) (core.User, error) {
	return s.userWhere(ctx, "login = ?", login)
}

func (s *Service) userWhere(ctx context.Context, where string, arg any) (core.User, error) {
	var row userRow
	err := s.deps.DB.NewSelect().Model(&row).Where(where, arg).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return core.User{}, core.Errorf(core.CodeNotFound, "There is no such user.")
	}
	if err != nil {
		return core.User{}, fmt.Errorf("reading user: %w", err)
	}
	return row.user(), nil
}

// userByHash returns the owner of the token with that hash.
func (s *Service) userByHash(ctx context.Context, hash []byte) (core.User, error) {
	var token tokenRow
	err := s.deps.DB.NewSelect().Model(&token).Where("hash = ?", hash).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return core.User{}, errUnknownToken()
	}
	if err != nil {
		return core.User{}, fmt.Errorf("reading token: %w", err)
	}
	if subtle.ConstantTimeCompare(token.Hash, hash) != 1 {
		return core.User{}, errUnknownToken()
	}
	user, err := s.User(ctx, token.UserID)
	if core.ErrorCode(err) == core.CodeNotFound {
		return core.User{}, errUnknownToken()
	}
	return user, err
}

func (s *Service) insertUser(ctx context.Context, u core.User) (core.User, error) {
	row := &userRow{ID: u.ID, Login: u.Login, Name: u.Name, Admin: u.Admin, CreatedAt: store.At(s.deps.Clock())}
	_, err := s.deps.DB.NewInsert().Model(row).Exec(ctx)
	if store.IsUnique(err) {
		if known, err := s.User(ctx, u.ID); err == nil && known.Login == u.Login {
			return known, nil
		}
		return core.User{}, core.Errorf(core.CodeConflict, "The login %q is taken.", u.Login)
	}
	if err != nil {
		return core.User{}, fmt.Errorf("storing user: %w", err)
	}
	return row.user(), nil
}

func (s *Service) insertToken(ctx context.Context, t core.Token, hash []byte) error {
	err := s.deps.DB.Tx(ctx, func(ctx context.Context, tx bun.Tx) error {
		users, err := tx.NewSelect().Model((*userRow)(nil)).Where("id = ?", t.User).Count(ctx)
		if err != nil {
			return err
		}
		if users == 0 {
			return core.Errorf(core.CodeNotFound, "There is no such user.")
		}
		n, err := tx.NewSelect().Model((*tokenRow)(nil)).Where("user_id = ?", t.User).Count(ctx)
		if err != nil {
			return err
		}
		if n >= int64(s.cfg.MaxTokens) {
			return core.Errorf(core.CodeExhausted, "You have %d tokens, which is the limit; revoke one that is no longer used.", n)
		}
		_, err = tx.NewInsert().Model(newTokenRow(t, hash)).Exec(ctx)
		return err
	})
	if store.IsUnique(err) {
		return core.Errorf(core.CodeConflict, "There is a token with this id already; its value cannot be shown again.")
	}
	return doing("storing token", err)
}

// doing says what an error happened at, but leaves errors that are meant for
// people as they are: their message travels to the caller word for word.
func doing(what string, err error) error {
	var spoken *core.Error
	if err == nil || errors.As(err, &spoken) {
		return err
	}
	return fmt.Errorf("%s: %w", what, err)
}

// ListTokens implements core.Identity.
func (s *Service) ListTokens(ctx context.Context, user core.UserID) ([]core.Token, error) {
	var rows []tokenRow
	err := s.deps.DB.NewSelect().Model(&rows).Where("user_id = ?", user).Order("created_at DESC", "id").Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing tokens: %w", err)
	}
	tokens := make([]core.Token, 0, len(rows))
	for _, row := range rows {
		tokens = append(tokens, row.token())
	}
	return tokens, nil
}

func (s *Service) deleteToken(ctx context.Context, id core.TokenID) error {
	if _, err := s.deps.DB.NewDelete().Model((*tokenRow)(nil)).Where("id = ?", id).Exec(ctx); err != nil {
		return fmt.Errorf("revoking token: %w", err)
	}
	return nil
}

func (s *Service) reached(ctx context.Context, milestone string) (bool, error) {
	n, err := s.deps.DB.NewSelect().Model((*milestoneRow)(nil)).Where("name = ?", milestone).Count(ctx)
	if err != nil {
		return false, fmt.Errorf("reading milestone: %w", err)
	}
	return n > 0, nil
}

func (s *Service) insertFirstToken(ctx context.Context, t core.Token, hash []byte) error {
	err := s.deps.DB.Tx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if _, err := tx.NewInsert().Model(newTokenRow(t, hash)).Exec(ctx); err != nil {
			return err
		}
		mark := &milestoneRow{Name: bootstrapped, At: store.At(t.CreatedAt)}
		_, err := tx.NewInsert().Model(mark).On("CONFLICT (name) DO NOTHING").Exec(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("storing the first token: %w", err)
	}
	return nil
}

// replacePreset leaves a preset token alone that has this hash already, so that
// restarts write nothing.
func (s *Service) replacePreset(ctx context.Context, t core.Token, hash []byte) error {
	err := s.deps.DB.Tx(ctx, func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewDelete().Model((*tokenRow)(nil)).
			Where("user_id = ? AND label = ? AND hash <> ?", t.User, t.Label, hash).Exec(ctx)
		if err != nil {
			return err
		}
		_, err = tx.NewInsert().Model(newTokenRow(t, hash)).On("CONFLICT (hash) DO NOTHING").Exec(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("storing the preset token: %w", err)
	}
	return nil
}
