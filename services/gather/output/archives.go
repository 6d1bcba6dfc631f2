// SPDX-License-Identifier: MPL-2.0

package output

import "github.com/muster-ci/muster/core"

// Archives returns what tasks kept, for readers.
func (s *Service) Archives() core.Archives { return s.archives }
