// SPDX-License-Identifier: MPL-2.0

package workflows

import (
	"context"
	"embed"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/hints"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/work"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Deps is what the service leans on.
type Deps struct {
	Logger  hclog.Logger
	Clock   core.Clock
	DB      *store.DB
	Hints   hints.Hints
	Metrics prometheus.Registerer // nil for none
	Queue   core.Queue
	Results Results      // nil: failed tests cannot be repeated
	Serials core.Serials // the queue's
}

// Service keeps workflows. It implements core.Workflows, core.Jobs and
// core.Tasks and is safe for concurrent use, also by several processes on one
// database.
type Service struct {
	cfg    Config
	logger hclog.Logger
	clock  core.Clock
	db     *store.DB
	hints  hints.Hints
	queue  core.Queue

	results   Results
	serials   core.Serials
	metrics   *metrics
	handovers *work.Loop[*handover]
	branches  *work.Loop[*branch]
	holds     *work.Loop[*hold]
	stuck     *work.Shelf
	lineages  *lineages
	migrated  atomic.Bool
	stopped   chan struct{} // closed when Run ends
	leave     func()
}

var (
	_ core.Workflows = (*Service)(nil)
	_ core.Jobs      = (*Service)(nil)
	_ core.Tasks     = (*Service)(nil)

	_ core.TaskSiblings = (*Service)(nil)
)

// New makes the service; it starts nothing and does not touch the database.
func New(cfg Config, deps Deps) (*Service, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Service{
		cfg: cfg, logger: deps.Logger, clock: deps.Clock, db: deps.DB,
		hints: deps.Hints, queue: deps.Queue, results: deps.Results, serials: deps.Serials,
		stopped: make(chan struct{}),
	}
	s.leave = sync.OnceFunc(func() { close(s.stopped) })
	s.stuck = &work.Shelf{
		Service: "workflows", DB: s.db, Hints: s.hints, Clock: s.clock,
		Topics: map[string]string{handoverTable: handoverTopic, branchTable: branchTopic, holdTable: holdTopic},
	}
	var err error
	if s.lineages, err = newLineages(); err != nil {
		return nil, fmt.Errorf("making room for workflows' shapes: %w", err)
	}
	if s.metrics, err = newMetrics(deps.Metrics); err != nil {
		return nil, fmt.Errorf("registering metrics: %w", err)
	}
	if s.handovers, err = s.newHandoverLoop(deps.Metrics); err != nil {
		return nil, err
	}
	if s.branches, err = s.newBranchLoop(deps.Metrics); err != nil {
		return nil, err
	}
	if s.holds, err = s.newHoldLoop(deps.Metrics); err != nil {
		return nil, err
	}
	return s, nil
}

// Run migrates the tables and works them until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	defer s.leave()
	if err := s.db.MigrateEmbedded(ctx, migrations); err != nil {
		if ctx.Err() != nil {
			return nil // asked to stop before it began
		}
		return err
	}
	s.migrated.Store(true)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.handovers.Run(ctx) })
	group.Go(func() error { return s.branches.Run(ctx) })
	group.Go(func() error { return s.holds.Run(ctx) })
	group.Go(func() error {
		return work.Every(ctx, tidyEvery, s.logger, "expiring approvals", s.expireApprovals)
	})
	group.Go(func() error {
		return work.Every(ctx, tidyEvery, s.logger, "removing old workflows", s.forget)
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
