// SPDX-License-Identifier: MPL-2.0

package work_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/muster-ci/muster/internal/work"
)

func TestEveryGoesOnAfterAnErrorAndEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	calls := 0
	err := work.Every(ctx, time.Millisecond, hclog.NewNullLogger(), "test", func(context.Context) error {
		if calls++; calls == 3 {
			cancel()
		}
		return errors.New("the database is away")
	})
	if err != nil || calls != 3 {
		t.Errorf("got %v after %d calls, want nil after 3", err, calls)
	}
}
