// SPDX-License-Identifier: MPL-2.0

package output

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/wire"
)

type stepRow struct {
	bun.BaseModel `bun:"table:steps,alias:st"`
	Attempt       core.AttemptID  `bun:"attempt_id,pk"`
	Number        int             `bun:"number,pk"`
	Name          string          `bun:"name"`
	Command       string          `bun:"command"`
	Kind          string          `bun:"kind"`
	Background    bool            `bun:"background"`
	Status        core.StepStatus `bun:"status"`
	ExitCode      *int            `bun:"exit_code"`
	Error         string          `bun:"error"`
	Truncated     bool            `bun:"truncated"`
	StartedAt     store.Time      `bun:"started_at"`
	StoppedAt     store.Time      `bun:"stopped_at"`
	Remote        string          `bun:"remote"`
	Fingerprint   string          `bun:"fingerprint"`
}

// start takes step:started, once, also when the end was told before it.
func (s *stepRow) start(e wire.Event, at time.Time) {
	if !s.StartedAt.IsZero() {
		return
	}
	s.Name, s.Command, s.Kind, s.Background = e.Name, e.Command, e.Kind, e.Background
	s.Remote, s.Fingerprint, s.StartedAt = e.Remote, e.Fingerprint, store.At(at)
	if s.Status == "" {
		s.Status = core.StepRunning
	}
}

// finish takes step:ended. The first word stays, but for a step that was given
// up as lost: what its agent says of it afterwards is better.
func (s *stepRow) finish(e wire.Event, at time.Time) {
	if s.Status != "" && s.Status != core.StepRunning && s.Status != core.StepLost {
		return
	}
	s.Status, s.ExitCode, s.Error, s.Truncated = e.StepStatus, e.ExitCode, e.Reason, e.Truncated
	s.StoppedAt = later(store.At(at), s.StartedAt)
}

// later keeps what comes after from being dated before, whatever clocks say.
func later(a, b store.Time) store.Time {
	if a.Time().Before(b.Time()) {
		return b
	}
	return a
}

// step converts the row; what the stream keeps is added by the caller.
func (s *stepRow) step() core.Step {
	return core.Step{
		Number: s.Number, Name: s.Name, Command: s.Command, Kind: s.Kind, Background: s.Background,
		Status: s.Status, ExitCode: s.ExitCode, Error: s.Error, Truncated: s.Truncated,
		StartedAt: s.StartedAt.Time(), StoppedAt: s.StoppedAt.Ptr(), Remote: s.Remote, Fingerprint: s.Fingerprint,
	}
}

func upsertSteps(ctx context.Context, tx bun.IDB, rows []*stepRow) error {
	if len(rows) == 0 {
		return nil
	}
	q := tx.NewInsert().Model(&rows).On("CONFLICT (attempt_id, number) DO UPDATE")
	for _, column := range []string{"name", "command", "kind", "background", "status", "exit_code", "error", "truncated", "started_at", "stopped_at", "remote", "fingerprint"} {
		q = q.Set("? = EXCLUDED.?", bun.Ident(column), bun.Ident(column))
	}
	if _, err := q.Exec(ctx); err != nil {
		return fmt.Errorf("writing steps: %w", err)
	}
	return nil
}

// loseSteps ends what still runs of attempts that are over.
func loseSteps(ctx context.Context, tx bun.IDB, ids []core.AttemptID, status core.JobStatus, now time.Time) error {
	if len(ids) == 0 {
		return nil
	}
	step, reason := core.StepLost, "The agent did not say how this step ended."
	switch status {
	case core.JobCanceled:
		step, reason = core.StepCanceled, ""
	case core.JobTimedOut:
		step, reason = core.StepTimedOut, ""
	}
	_, err := tx.NewUpdate().Model((*stepRow)(nil)).
		Set("status = ?", step).Set("error = ?", reason).
		Set("stopped_at = CASE WHEN started_at > ?0 THEN started_at ELSE ?0 END", store.At(now)).
		Where("attempt_id IN (?)", bun.List(ids)).Where("status = ?", core.StepRunning).Exec(ctx)
	if err != nil {
		return fmt.Errorf("ending steps that still ran: %w", err)
	}
	return nil
}

// maxTasks bounds one question for steps.
const maxTasks = 10_000

// TaskSteps implements core.Output.
func (s *Service) TaskSteps(ctx context.Context, ids []core.TaskID) ([]core.AttemptSteps, error) {
	if len(ids) > maxTasks {
		return nil, core.Errorf(core.CodeInvalid, "the steps of %d tasks were asked for at once, at most %d may be", len(ids), maxTasks)
	}
	if len(ids) == 0 {
		return []core.AttemptSteps{}, nil
	}
	var attempts []attemptRow
	err := s.deps.DB.NewSelect().Model(&attempts).Column("id", "task_id", "number", "status", "reason").
		Where("a.task_id IN (?)", bun.List(ids)).Order("a.number", "a.id").Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading attempts: %w", err)
	}
	all, err := s.withSteps(ctx, attempts)
	if err != nil {
		return nil, err
	}
	byTask := make(map[core.TaskID][]core.AttemptSteps, len(ids))
	for _, a := range all {
		byTask[a.Task] = append(byTask[a.Task], a)
	}
	out := make([]core.AttemptSteps, 0, len(attempts))
	for _, id := range ids {
		out = append(out, byTask[id]...)
		delete(byTask, id) // an id that is asked for twice is answered once
	}
	return out, nil
}

// withSteps adds to attempts what their agents said of their steps.
func (s *Service) withSteps(ctx context.Context, attempts []attemptRow) ([]core.AttemptSteps, error) {
	ids := make([]core.AttemptID, len(attempts))
	for i := range attempts {
		ids[i] = attempts[i].attempt()
	}
	steps, err := s.stepsOf(ctx, ids)
	if err != nil {
		return nil, err
	}
	out := make([]core.AttemptSteps, len(attempts))
	for i, a := range attempts {
		out[i] = core.AttemptSteps{Task: a.Task, Attempt: a.attempt(), Number: a.Number, Status: a.Status, Reason: a.Reason, Steps: steps[a.attempt()]}
		if out[i].Steps == nil {
			out[i].Steps = []core.Step{}
		}
	}
	return out, nil
}

// stepsOf returns the steps of attempts by number.
func (s *Service) stepsOf(ctx context.Context, ids []core.AttemptID) (map[core.AttemptID][]core.Step, error) {
	out := make(map[core.AttemptID][]core.Step, len(ids))
	if len(ids) == 0 {
		return out, nil
	}
	var rows []struct {
		stepRow `bun:",extend"`
		Kept    int64 `bun:"kept"`
		Cut     bool  `bun:"cut"`
	}
	err := s.deps.DB.NewSelect().TableExpr("steps AS st").
		ColumnExpr("st.*, COALESCE(s.kept, 0) AS kept, COALESCE(s.cut, FALSE) AS cut").
		Join("LEFT JOIN streams AS s ON s.attempt_id = st.attempt_id AND s.stream = st.number + 1").
		Where("st.attempt_id IN (?)", bun.List(ids)).Order("st.number").Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("reading steps: %w", err)
	}
	for _, r := range rows {
		step := r.stepRow.step()
		step.Bytes, step.Truncated = r.Kept, step.Truncated || r.Cut
		out[r.Attempt] = append(out[r.Attempt], step)
	}
	return out, nil
}
