// SPDX-License-Identifier: MPL-2.0

package gateway

import (
	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/api"
)

// listSigningKeys answers GET /admin/signing-keys.
func (s *Service) listSigningKeys(r *request) (any, error) {
	keys, err := s.deps.Peers.SigningKeys.ListSigningKeys(r.ctx(), core.SigningKeyFilter{})
	if err != nil {
		return nil, err
	}
	return showSigningKeys(keys), nil
}

// rotateSigningKeys answers POST /admin/signing-keys/rotate.
func (s *Service) rotateSigningKeys(r *request) (any, error) {
	var in api.SigningKeyRotation
	if err := r.body(&in); err != nil {
		return nil, err
	}
	keys, err := s.deps.Peers.SigningKeys.RotateSigningKeys(r.ctx(), core.SigningKeyRotation{Revoke: in.Revoke})
	if err != nil {
		return nil, err
	}
	s.deps.Logger.Named("audit").Info("signing keys of job tokens rotated by hand", "user_id", r.user.ID, "login", r.user.Login, "revoke", in.Revoke, "key_id", keys[len(keys)-1].ID)
	return showSigningKeys(keys), nil
}

func showSigningKeys(keys []core.SigningKey) api.List[api.SigningKey] {
	items := make([]api.SigningKey, len(keys))
	for i, k := range keys {
		items[i] = api.SigningKey{ID: k.ID, State: string(k.State), PublishedAt: k.PublishedAt, SignsAt: k.SignsAt, EndsAt: k.EndsAt}
	}
	return api.NewList(items, "")
}
