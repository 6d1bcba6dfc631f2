// SPDX-License-Identifier: MPL-2.0

package pipelines

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/work"
)

const (
	// sealingKey is the name of the key that continuation keys are sealed with.
	sealingKey = "pipelines"
	keyBytes   = 32  // random ones of a continuation key
	maxKey     = 256 // bytes of a key that somebody sends
)

// continuation is a row of continuations: the second half of a setup pipeline.
// What stands below Digest is empty until a job has continued the pipeline.
type continuation struct {
	bun.BaseModel `bun:"table:continuations"`

	Pipeline  core.PipelineID                      `bun:"pipeline_id,pk"`
	KeyHash   string                               `bun:"key_hash"`
	KeySealed string                               `bun:"key_sealed"`
	Declared  store.JSON[[]core.PipelineParameter] `bun:"declared,type:text"`
	ExpiresAt store.Time                           `bun:"expires_at,type:bigint"`

	Digest     string                        `bun:"digest"`
	Config     string                        `bun:"config"`
	Parameters store.JSON[map[string]any]    `bun:"parameters,type:text"`
	Compiled   string                        `bun:"compiled"`
	Workflows  store.JSON[[]plannedWorkflow] `bun:"workflows,type:text"`
}

// newContinuation makes the key of a pipeline whose config turned out to be a
// setup config. The row is for the transaction that stores its plan.
func (s *Service) newContinuation(ctx context.Context, id core.PipelineID, declared []core.PipelineParameter) (*continuation, error) {
	random := make([]byte, keyBytes)
	rand.Read(random) // never fails: crypto/rand ends the process instead
	key := base64.RawURLEncoding.EncodeToString(random)
	sealed, err := s.sealer.Seal(ctx, sealingKey, []byte(key), []byte(id))
	if err != nil {
		return nil, fmt.Errorf("sealing the continuation key: %w", err)
	}
	return &continuation{
		Pipeline: id, KeyHash: hashed(key), KeySealed: sealed,
		Declared:  store.JSON[[]core.PipelineParameter]{V: declared},
		ExpiresAt: store.At(s.clock().Add(s.cfg.ContinueWithin)),
	}, nil
}

func hashed(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// findContinuation returns the one row that narrow selects, nil when there is
// none.
func findContinuation(ctx context.Context, db bun.IDB, narrow func(*bun.SelectQuery) *bun.SelectQuery) (*continuation, error) {
	k := new(continuation)
	err := narrow(db.NewSelect().Model(k)).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, readFailure("reading the continuation", err)
	}
	return k, nil
}

func continuationOf(ctx context.Context, db bun.IDB, id core.PipelineID) (*continuation, error) {
	k, err := findContinuation(ctx, db, func(q *bun.SelectQuery) *bun.SelectQuery { return q.Where("pipeline_id = ?", id) })
	if k == nil && err == nil {
		err = core.Errorf(core.CodeNotFound, "pipeline %s did not begin with a setup config, so it has no continuation", id)
	}
	return k, err
}

// ContinuationKey implements core.Continuations.
func (s *Service) ContinuationKey(ctx context.Context, id core.PipelineID) (string, error) {
	k, err := continuationOf(ctx, s.db, id)
	if err != nil {
		return "", err
	}
	key, err := s.sealer.Open(ctx, sealingKey, k.KeySealed, []byte(id))
	if err != nil {
		return "", fmt.Errorf("opening the continuation key: %w", err)
	}
	return string(key), nil
}

// ContinuePipeline implements core.Continuations. The pipeline's row is held
// while it is decided, so that of two continuations one is first.
func (s *Service) ContinuePipeline(ctx context.Context, c core.Continuation) (core.Pipeline, error) {
	digest, err := s.checkContinuation(c)
	if err != nil {
		return core.Pipeline{}, err
	}
	k, err := findContinuation(ctx, s.db, func(q *bun.SelectQuery) *bun.SelectQuery { return q.Where("key_hash = ?", hashed(c.Key)) })
	if err != nil {
		return core.Pipeline{}, err
	}
	if k == nil {
		return core.Pipeline{}, core.Errorf(core.CodeNotFound,
			"The continuation key is not that of any pipeline; send what the jobs of a setup workflow have as CIRCLE_CONTINUATION_KEY")
	}
	p, err := s.changePipeline(ctx, k.Pipeline, func(ctx context.Context, tx bun.Tx, p *pipeline) (bool, error) {
		k, err := continuationOf(ctx, tx, p.id())
		if err != nil || k.Digest == digest {
			return false, err // this one came before, and its answer was lost
		}
		if err := s.mayContinue(p, k, c); err != nil {
			return false, err
		}
		p.State, p.Planned, p.Continued = core.PipelinePending, false, true
		k.Digest, k.Config = digest, c.Config
		k.Parameters.V = c.Parameters
		if _, err := tx.NewUpdate().Model(k).Column("digest", "config", "parameters").WherePK().Exec(ctx); err != nil {
			return false, fmt.Errorf("writing the continuation: %w", err)
		}
		return true, work.MarkDue(ctx, tx, pipelineTable, s.clock(), p.ID)
	})
	if err != nil {
		return core.Pipeline{}, fmt.Errorf("continuing the pipeline: %w", err)
	}
	s.hints.Notify(pipelineTopic)
	return p.noun(), nil
}

// checkContinuation bounds what came from outside and returns its digest.
func (s *Service) checkContinuation(c core.Continuation) (string, error) {
	switch {
	case c.Key == "" || len(c.Key) > maxKey:
		return "", core.Errorf(core.CodeInvalid, "A continuation needs the continuation key: what the job has as CIRCLE_CONTINUATION_KEY")
	case len(c.Config) > s.cfg.MaxConfig:
		return "", core.Errorf(core.CodeInvalid, "The configuration has %d bytes; at most %d are allowed", len(c.Config), s.cfg.MaxConfig)
	case strings.ContainsRune(c.Config, 0) || clean(c.Config) != c.Config:
		return "", core.Errorf(core.CodeInvalid, "The configuration is not text: it has a NUL character in it, or is not UTF-8")
	}
	parameters, err := json.Marshal(c.Parameters) // with sorted keys
	if err != nil {
		return "", core.Errorf(core.CodeInvalid, "The parameters cannot be stored: %w", err)
	}
	if len(parameters) > s.cfg.MaxParameters {
		return "", core.Errorf(core.CodeInvalid, "The parameters have %d bytes as JSON; at most %d are allowed", len(parameters), s.cfg.MaxParameters)
	}
	if len(c.Parameters) == 0 {
		parameters = nil
	}
	return hashed(string(parameters) + "\x00" + c.Config), nil
}

// mayContinue tells what stands in the way of a continuation.
func (s *Service) mayContinue(p *pipeline, k *continuation, c core.Continuation) error {
	switch {
	case k.Digest != "":
		return core.Errorf(core.CodeConflict, "Pipeline %d has been continued already, with another configuration or other parameters; a pipeline is continued once", p.Number)
	case p.Canceled:
		return core.Errorf(core.CodeConflict, "Pipeline %d was canceled, so it cannot be continued", p.Number)
	case !s.clock().Before(k.ExpiresAt.Time()):
		return core.Errorf(core.CodeConflict, "Pipeline %d can be continued no more: that has to happen within %s", p.Number, inWords(s.cfg.ContinueWithin))
	case !inSetup(p.State):
		return core.Errorf(core.CodeConflict, "Pipeline %d is %s, so it cannot be continued", p.Number, p.State)
	}
	for name := range c.Parameters {
		if _, twice := p.Parameters.V[name]; twice {
			return core.Errorf(core.CodeInvalid, "The trigger of pipeline %d gave the parameter %q already; a continuation cannot give it again", p.Number, name)
		}
	}
	return nil
}
