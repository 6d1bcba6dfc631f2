// SPDX-License-Identifier: MPL-2.0

package gatewaytest

import (
	"context"
	"strconv"
	"time"

	"github.com/muster-ci/muster/core"
)

// ListSigningKeys implements core.SigningKeys with the keys since the last
// revocation, of which the first signs.
func (p *people) ListSigningKeys(context.Context, core.SigningKeyFilter) ([]core.SigningKey, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	keys := []core.SigningKey{{ID: "one", State: core.KeySigns, PublishedAt: at, SignsAt: at}}
	for i := range p.turned {
		end := at.Add(49 * time.Hour)
		keys[i].EndsAt = &end
		keys = append(keys, core.SigningKey{ID: "turned-" + strconv.Itoa(i+1), State: core.KeyPublished, PublishedAt: at, SignsAt: at.Add(time.Hour)})
	}
	return keys, nil
}

// RotateSigningKeys implements core.SigningKeys.
func (p *people) RotateSigningKeys(ctx context.Context, r core.SigningKeyRotation) ([]core.SigningKey, error) {
	p.mu.Lock()
	p.turned++
	if r.Revoke {
		p.turned = 0
	}
	p.mu.Unlock()
	return p.ListSigningKeys(ctx, core.SigningKeyFilter{})
}
