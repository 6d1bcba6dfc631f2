// SPDX-License-Identifier: MPL-2.0

package testx

import (
	"testing"

	"go.uber.org/goleak"
)

// NoLeaks fails the test if goroutines that it started still run at its end.
// Call it first, so that it looks after all other clean-up. It cannot tell the
// goroutines of parallel tests apart: use it in a test that is not parallel.
func NoLeaks(t testing.TB) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() {
		if err := goleak.Find(before); err != nil {
			t.Errorf("goroutines are left over: %v", err)
		}
	})
}
