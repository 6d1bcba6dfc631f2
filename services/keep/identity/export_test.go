// SPDX-License-Identifier: MPL-2.0

package identity

import "context"

// TurnKeys is one turn of the loop, for tests that set the clock.
func (s *Service) TurnKeys(ctx context.Context) error { return s.turnKeys(ctx) }
