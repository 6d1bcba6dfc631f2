// SPDX-License-Identifier: MPL-2.0

package gatewaytest

import (
	"context"
	"slices"

	"github.com/muster-ci/muster/core"
)

// serials is what the gateway asks of core.Serials; the rest is nobody's.
type serials struct {
	core.Serials
	p *Platform
}

// ListSerials implements core.Serials.
func (s serials) ListSerials(context.Context, core.OrganizationID) ([]core.SerialGroup, error) {
	defer s.p.lock("ListSerials")()
	return slices.Clone(s.p.SerialGroups), s.p.check("ListSerials")
}

// FreeSerial implements core.Serials.
func (s serials) FreeSerial(_ context.Context, key core.SerialKey) error {
	defer s.p.lock("FreeSerial")()
	before := len(s.p.SerialGroups)
	s.p.SerialGroups = slices.DeleteFunc(s.p.SerialGroups, func(g core.SerialGroup) bool { return g.Key == key.Key })
	if len(s.p.SerialGroups) == before {
		return core.Errorf(core.CodeNotFound, "Nobody holds the serial group %s.", key.Key)
	}
	return nil
}
