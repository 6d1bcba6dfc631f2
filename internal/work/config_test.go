// SPDX-License-Identifier: MPL-2.0

package work

import (
	"testing"
	"time"
)

// TestALostHintCostsSeconds: every loop that sets no Poll of its own finds within
// 5 s what nobody hinted at.
func TestALostHintCostsSeconds(t *testing.T) {
	t.Parallel()
	if got := (Config[*Item]{}).withDefaults().Poll; got <= 0 || got > 5*time.Second {
		t.Errorf("a loop looks every %s, want 5 s at most", got)
	}
}
