// SPDX-License-Identifier: MPL-2.0

package identity

import (
	"context"
	"strings"
	"unicode/utf8"

	"github.com/muster-ci/muster/core"
)

const (
	maxLogin = 100
	maxName  = 200
)

// CreateUser implements core.Identity. The given id may be empty; the same id
// and login a second time is the same user.
func (s *Service) CreateUser(ctx context.Context, u core.User) (core.User, error) {
	u.Login = strings.TrimSpace(u.Login)
	if err := validLogin(u.Login); err != nil {
		return core.User{}, err
	}
	u.Name = strings.TrimSpace(u.Name)
	if u.Name == "" {
		u.Name = u.Login
	}
	if utf8.RuneCountInString(u.Name) > maxName {
		return core.User{}, core.Errorf(core.CodeInvalid, "A name may have %d characters.", maxName)
	}
	if u.ID == "" {
		u.ID = core.UserID(s.deps.NewID())
	}
	created, err := s.insertUser(ctx, u)
	if err != nil {
		return core.User{}, err
	}
	s.deps.Logger.Info("user created", "user_id", created.ID, "login", created.Login)
	return created, nil
}

func validLogin(login string) error {
	if login == "" || len(login) > maxLogin {
		return core.Errorf(core.CodeInvalid, "A login needs 1 to %d characters.", maxLogin)
	}
	for _, r := range login {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', strings.ContainsRune("._-@+", r):
		default:
			return core.Errorf(core.CodeInvalid, "The login %q has a %q in it; use letters, digits and . _ - @ +.", login, r)
		}
	}
	return nil
}
