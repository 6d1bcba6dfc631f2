// SPDX-License-Identifier: MPL-2.0

package placements

import (
	"context"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
)

const (
	// nearNodes is how many nodes a task is drawn to, and nearLook how many
	// attempts are looked at for them.
	nearNodes = 5
	nearLook  = 50
)

// home says that an attempt handled what a key stands for, so that copies of it
// may be where it ran: a workflow's workspace, or a job's caches.
type home struct {
	bun.BaseModel `bun:"table:homes,alias:h"`

	Key string     `bun:"key,pk"`
	ID  string     `bun:"id,pk"` // the attempt's
	At  store.Time `bun:"at"`
}

// homesOf returns the keys of what a task handles, and of those what it reads.
// Reruns share the workspace of the workflow that they repeat.
func homesOf(spec core.TaskSpec) (handled, read []string) {
	workspace := "workspace/" + string(spec.Workspace)
	if spec.Workspace == "" {
		workspace = "workspace/" + string(spec.Workflow)
	}
	caches := "caches/" + string(spec.Pipeline.Project.ID) + "/" + spec.Plan.Name
	for _, step := range spec.Plan.Steps {
		switch step.Kind {
		case core.StepPersistToWorkspace:
			handled = append(handled, workspace)
		case core.StepAttachWorkspace:
			handled, read = append(handled, workspace), append(read, workspace)
		case core.StepSaveCache:
			handled = append(handled, caches)
		case core.StepRestoreCache:
			handled, read = append(handled, caches), append(read, caches)
		case core.StepSetupRemoteDocker:
			if wantsLayers(spec.Plan) {
				layers := "layers/" + layersOf(spec)
				handled, read = append(handled, layers), append(read, layers)
			}
		case core.StepRun, core.StepCheckout, core.StepStoreArtifacts, core.StepStoreTestResults,
			core.StepAddSSHKeys, core.StepInstallSigningBundle:
		}
	}
	slices.Sort(handled)
	slices.Sort(read)
	return slices.Compact(handled), slices.Compact(read)
}

// near notes what an attempt handles and returns the nodes where earlier ones
// did, the latest first. It is a wish: nobody waits for it, and an attempt goes
// without when the table cannot be read.
func (s *Service) near(ctx context.Context, id core.AttemptID, spec core.TaskSpec) []string {
	if !s.cfg.Copies {
		return nil
	}
	handled, read := homesOf(spec)
	nodes, err := s.nodesOf(ctx, read)
	if err == nil {
		err = s.settleAt(ctx, id, handled)
	}
	if err != nil && ctx.Err() == nil {
		s.deps.Logger.Warn("the task is placed without regard to copies of its caches and workspace", "attempt_id", id, "error", err)
	}
	return nodes
}

func (s *Service) settleAt(ctx context.Context, id core.AttemptID, keys []string) error {
	if len(keys) == 0 {
		return nil
	}
	rows := make([]*home, len(keys))
	for i, key := range keys {
		rows[i] = &home{Key: key, ID: string(id), At: store.At(s.deps.Clock())}
	}
	if _, err := s.deps.DB.NewInsert().Model(&rows).On("CONFLICT (key, id) DO NOTHING").Exec(ctx); err != nil {
		return fmt.Errorf("noting what an attempt handles: %w", err)
	}
	return nil
}

func (s *Service) nodesOf(ctx context.Context, keys []string) ([]string, error) {
	var nodes []string
	for _, key := range keys {
		var some []string
		err := s.deps.DB.NewSelect().TableExpr("homes AS h").Join("JOIN attempts AS a ON a.id = h.id").Column("a.node").
			Where("h.key = ?", key).Where("a.node <> ''").Order("h.at DESC").Limit(nearLook).Scan(ctx, &some)
		if err != nil {
			return nil, fmt.Errorf("looking for nodes with copies: %w", err)
		}
		for _, node := range some {
			if len(nodes) < nearNodes && !slices.Contains(nodes, node) {
				nodes = append(nodes, node)
			}
		}
	}
	return nodes, nil
}
