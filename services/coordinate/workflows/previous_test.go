// SPDX-License-Identifier: MPL-2.0

package workflows

import (
	"testing"

	"github.com/muster-ci/muster/core"
)

func TestPreviousNumberOfABranch(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		on := func(id core.WorkflowID, branch string) core.NewWorkflow {
			n := plan(id, build("build"))
			n.Pipeline.Source.Branch = branch
			return n
		}
		for _, n := range []core.NewWorkflow{on("w", "main"), on("x", "side"), on("y", "main"), on("tag", ""), on("tag2", "")} {
			b.create(n)
		}
		for id, before := range map[core.WorkflowID]core.WorkflowID{"w": "", "x": "", "y": "w", "tag": "", "tag2": ""} {
			want := int64(0)
			if before != "" {
				want = b.job(before, "build").Number
			}
			if got := b.spec(id, "build").Previous; got != want {
				t.Errorf("the number before that of %s: got %d, want %d", id, got, want)
			}
		}
		far := b.job("y", "build")
		if _, err := b.svc.db.NewUpdate().Model((*job)(nil)).Set("number = number + ?", previousReach).Where("id = ?", far.ID).Exec(b.ctx); err != nil {
			t.Fatal(err)
		}
		if got := b.spec("y", "build").Previous; got != 0 {
			t.Errorf("a number that is far away: got %d, want none", got)
		}
	})
}
