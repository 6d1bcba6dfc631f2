// SPDX-License-Identifier: MPL-2.0

package placements

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/store/storetest"
)

// TestNear: tasks are drawn to where earlier ones of their workflow and job ran,
// when they restore something and clients keep copies.
func TestNear(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "placements", func(t *testing.T, open func() *store.DB) {
		cfg := quick()
		cfg.Copies = true
		f := fakes().start(t, cfg, open())
		ctx := t.Context()
		spec := func(workflow core.WorkflowID, job string, steps ...core.StepKind) core.TaskSpec {
			s := core.TaskSpec{Workflow: workflow}
			s.Pipeline.Project.ID, s.Plan.Name = "p1", job
			for _, kind := range steps {
				s.Plan.Steps = append(s.Plan.Steps, core.StepPlan{Kind: kind})
			}
			return s
		}
		// ran notes an attempt that ran on a node.
		ran := func(node string, s core.TaskSpec) []string {
			t.Helper()
			id := f.placed(t)
			near := f.near(ctx, id, s)
			if _, err := f.deps.DB.NewUpdate().Table("attempts").Set("node = ?", node).Where("id = ?", id).Exec(ctx); err != nil {
				t.Fatal(err)
			}
			// The next one comes later, whatever the clock's steps are.
			if _, err := f.deps.DB.NewUpdate().Table("homes").Set("at = at - ?", time.Second.Microseconds()).Where("TRUE").Exec(ctx); err != nil {
				t.Fatal(err)
			}
			return near
		}
		ran("n1", spec("w1", "build", core.StepRun, core.StepPersistToWorkspace))
		ran("n2", spec("w1", "test", core.StepSaveCache, core.StepRestoreCache))
		ran("n3", spec("w2", "test", core.StepRestoreCache))
		rerun := spec("w9", "deploy", core.StepAttachWorkspace)
		rerun.Workspace = "w1"
		for name, c := range map[string]struct {
			spec core.TaskSpec
			want []string
		}{
			"workspace":        {spec("w1", "deploy", core.StepAttachWorkspace), []string{"n1"}},
			"of a rerun":       {rerun, []string{"n1"}},
			"cache, latest":    {spec("w3", "test", core.StepRestoreCache), []string{"n3", "n2"}},
			"another job":      {spec("w3", "lint", core.StepRestoreCache), nil},
			"nothing restored": {spec("w1", "test", core.StepRun, core.StepSaveCache, core.StepPersistToWorkspace), nil},
		} {
			// Each asks for an attempt that never runs, and so leaves no home.
			if diff := cmp.Diff(c.want, f.near(ctx, core.NewAttemptID(), c.spec)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
		f = fakes().start(t, quick(), open())
		if got := f.near(ctx, core.NewAttemptID(), spec("w1", "deploy", core.StepAttachWorkspace)); got != nil {
			t.Errorf("without copies: got %v, want none", got)
		}
	})
}
