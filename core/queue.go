// SPDX-License-Identifier: MPL-2.0

package core

import "context"

// Queue decides which tasks may run now.
type Queue interface {
	// Enqueue accepts tasks; those that it knows already are left alone.
	Enqueue(ctx context.Context, tasks []QueuedTask) error
	// CancelTasks ends tasks: one that waits is dropped and reported canceled,
	// one that runs is stopped first. Unknown and ended ones are left alone.
	CancelTasks(ctx context.Context, ids []TaskID) error
	// Waiting says for each id why it does not run yet, in the order asked for;
	// "" for one that does, or that has ended.
	Waiting(ctx context.Context, ids []TaskID) ([]string, error)
	// ReportAttempts takes news of attempts.
	ReportAttempts(ctx context.Context, reports []AttemptReport) error
}
