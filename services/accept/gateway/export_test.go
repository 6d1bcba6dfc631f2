// SPDX-License-Identifier: MPL-2.0

package gateway

import "time"

// SetRecheck shortens the pause after which the token of an open stream is
// looked at again.
func (s *Service) SetRecheck(d time.Duration) { s.recheck = d }
