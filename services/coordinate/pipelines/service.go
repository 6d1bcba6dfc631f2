// SPDX-License-Identifier: MPL-2.0

package pipelines

import (
	"context"
	"embed"
	"fmt"
	"sync/atomic"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/hints"
	"github.com/muster-ci/muster/internal/secrets"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/work"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Deps is what the service leans on.
type Deps struct {
	Logger  hclog.Logger
	Clock   core.Clock
	NewID   func() string // of workflows
	DB      *store.DB
	Hints   hints.Hints
	Metrics prometheus.Registerer // nil for none
	Peers   Peers
	Bundles Bundles        // nil: uploaded sources are not looked after
	Sealer  secrets.Sealer // has or makes the key "pipelines"
}

// Peers are the services that this one asks.
type Peers struct {
	Configs   core.Configs
	Workflows core.Workflows
}

// Service keeps pipelines. It implements core.Pipelines and
// core.Continuations and is safe for
// concurrent use, also by several processes on one database.
type Service struct {
	cfg       Config
	logger    hclog.Logger
	clock     core.Clock
	newID     func() string
	db        *store.DB
	hints     hints.Hints
	configs   core.Configs
	workflows core.Workflows
	bundles   Bundles
	sealer    secrets.Sealer

	states    *prometheus.CounterVec
	compiles  *work.Loop[*pipeline]
	handovers *work.Loop[*handover]
	stuck     *work.Shelf
	migrated  atomic.Bool
}

var (
	_ core.Pipelines     = (*Service)(nil)
	_ core.Continuations = (*Service)(nil)
)

// New makes the service; it starts nothing and does not touch the database.
func New(cfg Config, deps Deps) (*Service, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Service{
		cfg: cfg, logger: deps.Logger, clock: deps.Clock, newID: deps.NewID, db: deps.DB,
		hints: deps.Hints, configs: deps.Peers.Configs, workflows: deps.Peers.Workflows, bundles: deps.Bundles, sealer: deps.Sealer,
		states: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "muster_pipelines_total", Help: "Pipelines that have reached a state.",
		}, []string{"state"}),
	}
	if deps.Metrics != nil {
		if err := deps.Metrics.Register(s.states); err != nil {
			return nil, fmt.Errorf("registering metrics: %w", err)
		}
	}
	s.stuck = &work.Shelf{
		Service: "pipelines", DB: s.db, Hints: s.hints, Clock: s.clock,
		Topics: map[string]string{pipelineTable: pipelineTopic, handoverTable: handoverTopic},
	}
	var err error
	if s.compiles, err = s.newCompileLoop(deps.Metrics); err != nil {
		return nil, err
	}
	if s.handovers, err = s.newHandoverLoop(deps.Metrics); err != nil {
		return nil, err
	}
	return s, nil
}

// Run migrates the tables and works them until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	if err := s.db.MigrateEmbedded(ctx, migrations); err != nil {
		if ctx.Err() != nil {
			return nil // asked to stop before it began
		}
		return err
	}
	s.migrated.Store(true)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.compiles.Run(ctx) })
	group.Go(func() error { return s.handovers.Run(ctx) })
	group.Go(func() error {
		return work.Every(ctx, tidyEvery, s.logger, "removing old pipelines", s.forget)
	})
	group.Go(func() error {
		return work.Every(ctx, tidyEvery, s.logger, "removing old bundles", s.forgetBundles)
	})
	group.Go(func() error {
		return work.Every(ctx, tidyEvery, s.logger, "forgetting what was skipped", s.forgetSkips)
	})
	return group.Wait()
}

// Ready returns nil when the tables are there and the database answers.
func (s *Service) Ready(ctx context.Context) error {
	if !s.migrated.Load() {
		return core.Errorf(core.CodeUnavailable, "the tables are being prepared")
	}
	return s.db.Ping(ctx)
}

func (s *Service) now() store.Time { return store.At(s.clock()) }
