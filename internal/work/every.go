// SPDX-License-Identifier: MPL-2.0

package work

import (
	"context"
	"time"

	"github.com/hashicorp/go-hclog"
)

// Every calls do at once and then at each interval, until ctx ends; then it
// returns nil. An error is logged under the name and waits for the next turn:
// it is for house-keeping, which nobody waits for.
func Every(ctx context.Context, interval time.Duration, logger hclog.Logger, name string, do func(context.Context) error) error {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		if err := do(ctx); err != nil && ctx.Err() == nil {
			logger.Warn("house-keeping failed, trying again at its next turn", "task", name, "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}
