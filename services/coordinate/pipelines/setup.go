// SPDX-License-Identifier: MPL-2.0

package pipelines

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/work"
)

// inSetup tells whether a pipeline may yet be continued.
func inSetup(state core.PipelineState) bool {
	return state == core.PipelineSetupPending || state == core.PipelineSetup
}

// continued lays out the compilation of a continuation. It keeps what was said
// of the setup config. A config that is empty compiles to nothing and ends the
// pipeline.
func (s *Service) continued(ctx context.Context, p *pipeline, c config) (outcome, core.CompileRequest, error) {
	k, err := continuationOf(ctx, s.db, p.id())
	if err != nil {
		return outcome{}, core.CompileRequest{}, err
	}
	parameters := maps.Clone(p.Parameters.V)
	if parameters == nil {
		parameters = map[string]any{}
	}
	maps.Copy(parameters, k.Parameters.V)
	o := outcome{source: p.Source.V, config: k.Config, path: c.Path, orbs: c.Orbs.V, warnings: p.Warnings.V, continues: true}
	return o, core.CompileRequest{Path: continuationName, Parameters: parameters, Continuation: true, SetupParameters: k.Declared.V}, nil
}

// continuationName is the file that errors name: what was sent had none.
const continuationName = "continuation.yml"

// lock adds the orbs that a compilation resolved to those that were decided
// before.
func lock(before, resolved []core.LockedOrb) []core.LockedOrb {
	all := slices.Clone(before)
	for _, orb := range resolved {
		if !slices.ContainsFunc(before, func(known core.LockedOrb) bool { return known.Ref == orb.Ref }) {
			all = append(all, orb)
		}
	}
	return all
}

// finishes tells whether a continuation's config has nothing in it. What has
// keys is for the compiler to read.
func finishes(config string) bool {
	switch strings.TrimSpace(config) {
	case "", "{}", "null", "---":
		return true
	default:
		return false
	}
}

// expire ends a setup pipeline that nobody has continued in time; before that
// it looks again when the time is over.
func (s *Service) expire(ctx context.Context, p *pipeline) work.Result {
	k, err := continuationOf(ctx, s.db, p.id())
	if err != nil {
		return work.Fail(err)
	}
	if s.clock().Before(k.ExpiresAt.Time()) {
		return work.Again(k.ExpiresAt.Time())
	}
	_, err = s.changePipeline(ctx, p.id(), func(_ context.Context, _ bun.Tx, p *pipeline) (bool, error) {
		if !inSetup(p.State) {
			return false, nil
		}
		p.State = core.PipelineErrored
		p.Errors.V = append(p.Errors.V, core.PipelineError{Type: errorTimeout, Message: fmt.Sprintf(
			"No job continued the pipeline within %s.\n  have a job of the setup workflow call the API's /pipeline/continue, with an empty config where there is nothing to do", inWords(s.cfg.ContinueWithin))})
		return true, nil
	})
	if err != nil {
		return work.Fail(fmt.Errorf("ending setup pipeline %s: %w", p.ID, err))
	}
	return work.Done()
}

// inWords writes a duration as people do.
func inWords(d time.Duration) string {
	if d == time.Hour {
		return "an hour"
	}
	if d%time.Hour == 0 {
		return fmt.Sprintf("%d hours", d/time.Hour)
	}
	return d.String()
}
