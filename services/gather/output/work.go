// SPDX-License-Identifier: MPL-2.0

package output

import (
	"context"
	"fmt"
	"time"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/work"
)

const (
	reportsTopic = "output.reports"
	sealTopic    = "output.attempts"
)

// attemptTopic is hinted at when readers of an attempt may find more.
func attemptTopic(id core.AttemptID) string { return "output.streams/" + string(id) }

// reportLoop hands news of attempts to placements, many in one call.
func (s *Service) reportLoop() (func(context.Context) error, error) {
	loop, err := work.New(work.Config[*reportRow]{
		Name: "output.report", Table: "reports", DB: s.deps.DB, Hints: s.deps.Hints, Topic: reportsTopic,
		Clock: s.deps.Clock, Logger: s.deps.Logger, Metrics: s.deps.Metrics,
		Batch: 256, Handle: s.report,
	})
	if err != nil {
		return nil, err
	}
	return loop.Run, nil
}

// reportTime bounds one call of placements.
const reportTime = 20 * time.Second

// report delivers reports. Together they go or together they stay: placements
// knows what it has seen.
func (s *Service) report(ctx context.Context, rows []*reportRow) []work.Result {
	ctx, cancel := context.WithTimeout(ctx, reportTime)
	defer cancel()
	reports := make([]core.AgentReport, len(rows))
	for i, r := range rows {
		reports[i] = core.AgentReport{Attempt: r.Attempt, Status: r.Status, Reason: r.Reason, OutOfMemory: r.Memory, At: r.At.Time()}
	}
	result := work.Delete()
	if err := s.deps.Peers.Placements.ReportAgents(ctx, reports); err != nil {
		result = work.Fail(fmt.Errorf("reporting attempts to placements: %w", err))
	}
	results := make([]work.Result, len(rows))
	for i := range results {
		results[i] = result
	}
	return results
}

// sealLoop moves the output of ended attempts to the object store. Batches are
// small because each may be gigabytes.
func (s *Service) sealLoop() (func(context.Context) error, error) {
	loop, err := work.New(work.Config[*attemptRow]{
		Name: "output.seal", Table: "attempts", DB: s.deps.DB, Hints: s.deps.Hints, Topic: sealTopic,
		Clock: s.deps.Clock, Logger: s.deps.Logger, Metrics: s.deps.Metrics,
		Batch: 4, Handle: s.sealAll,
	})
	if err != nil {
		return nil, err
	}
	return loop.Run, nil
}
