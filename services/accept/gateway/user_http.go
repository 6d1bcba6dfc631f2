// SPDX-License-Identifier: MPL-2.0

package gateway

import (
	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/api"
)

// me answers GET /me.
func (s *Service) me(r *request) (any, error) { return showUser(r.user), nil }

// collaborations answers GET /me/collaborations.
func (s *Service) collaborations(r *request) (any, error) {
	organizations, err := s.Organizations(r.ctx())
	if err != nil {
		return nil, err
	}
	list := make([]api.Collaboration, 0, len(organizations))
	for _, o := range organizations {
		list = append(list, showCollaboration(o))
	}
	return list, nil
}

// listTokens answers GET /tokens.
func (s *Service) listTokens(r *request) (any, error) {
	tokens, err := s.deps.Peers.Identity.ListTokens(r.ctx(), r.user.ID)
	if err != nil {
		return nil, err
	}
	items := make([]api.Token, 0, len(tokens))
	for _, t := range tokens {
		items = append(items, showToken(t))
	}
	return api.NewList(items, ""), nil
}

// createToken answers POST /tokens.
func (s *Service) createToken(r *request) (any, error) {
	var in api.NewToken
	if err := r.body(&in); err != nil {
		return nil, err
	}
	user := r.user.ID
	if in.UserID != "" && core.UserID(in.UserID) != user {
		if !r.user.Admin {
			return nil, core.Errorf(core.CodeForbidden, "Only an administrator may create tokens for others.")
		}
		user = core.UserID(in.UserID)
	}
	token, err := s.deps.Peers.Identity.CreateToken(r.ctx(), core.Token{ID: core.TokenID(s.deps.NewID()), User: user, Label: in.Label})
	if err != nil {
		return nil, err
	}
	return api.CreatedToken{Token: showToken(token.Token), Value: token.Value}, nil
}

// revokeToken answers DELETE /tokens/{id}. That the token is the caller's own is
// checked here, since identity ends any token that it is told to.
func (s *Service) revokeToken(r *request) (any, error) {
	id, err := r.id("id")
	if err != nil {
		return nil, err
	}
	tokens, err := s.deps.Peers.Identity.ListTokens(r.ctx(), r.user.ID)
	if err != nil {
		return nil, err
	}
	for _, t := range tokens {
		if string(t.ID) == id {
			return api.Message{Message: "Token revoked."}, s.deps.Peers.Identity.RevokeToken(r.ctx(), t.ID)
		}
	}
	return nil, core.Errorf(core.CodeNotFound, "You have no such token.")
}

// createUser answers POST /users.
func (s *Service) createUser(r *request) (any, error) {
	var in api.NewUser
	if err := r.body(&in); err != nil {
		return nil, err
	}
	user, err := s.deps.Peers.Identity.CreateUser(r.ctx(), core.User{
		ID: core.UserID(s.deps.NewID()), Login: in.Login, Name: in.Name, Admin: in.Admin,
	})
	return showUser(user), err
}
