// SPDX-License-Identifier: MPL-2.0

package identity

import (
	"context"
	"fmt"

	"github.com/muster-ci/muster/core"
)

const (
	adminLogin   = "admin"
	firstLabel   = "first administrator"
	presetLabel  = "preset by configuration"
	bootstrapped = "bootstrapped" // the milestone
)

// Bootstrap makes the user "admin" with a token, once in the life of the
// installation, and returns the value when it made one just now.
//
//	user admin ─► value to Deps.FirstToken ─► token and milestone in one transaction
//
// A process that dies between two of these steps has set no milestone, so the
// next start goes through them again: the operator then finds a newer value
// than before, and that one works. The value goes to the operator before its
// hash goes to the table; the other way round, a crash would leave a token that
// nobody knows and no second chance to make one. Two processes that start at
// once each leave a working token, whichever value the operator finds.
//
// With Config.AdminToken the value is taken from there at every start.
func (s *Service) Bootstrap(ctx context.Context) (value string, created bool, err error) {
	admin, err := s.administrator(ctx)
	if err != nil {
		return "", false, err
	}
	if s.cfg.AdminToken != "" {
		return "", false, s.preset(ctx, admin)
	}
	done, err := s.reached(ctx, bootstrapped)
	if err != nil || done {
		return "", false, err
	}
	value = newValue()
	if s.deps.FirstToken != nil {
		if err := s.deps.FirstToken(value); err != nil {
			return "", false, fmt.Errorf("handing over the first token: %w", err)
		}
	}
	token := core.Token{ID: core.TokenID(s.deps.NewID()), User: admin.ID, Label: firstLabel, CreatedAt: s.deps.Clock().UTC()}
	if err := s.insertFirstToken(ctx, token, hashOf(value)); err != nil {
		return "", false, err
	}
	s.deps.Logger.Info("first administrator created", "user_id", admin.ID, "token_id", token.ID)
	return value, true, nil
}

// administrator returns the user admin, making it when there is none.
func (s *Service) administrator(ctx context.Context) (core.User, error) {
	admin, err := s.userByLogin(ctx, adminLogin)
	if core.ErrorCode(err) != core.CodeNotFound {
		return admin, err
	}
	admin, err = s.CreateUser(ctx, core.User{Login: adminLogin, Name: "Administrator", Admin: true})
	if core.ErrorCode(err) == core.CodeConflict {
		// Another process was faster.
		return s.userByLogin(ctx, adminLogin)
	}
	return admin, err
}

// preset makes the configured value the administrator's preset token, in place
// of an older preset one.
func (s *Service) preset(ctx context.Context, admin core.User) error {
	token := core.Token{ID: core.TokenID(s.deps.NewID()), User: admin.ID, Label: presetLabel, CreatedAt: s.deps.Clock().UTC()}
	return s.replacePreset(ctx, token, hashOf(s.cfg.AdminToken))
}
