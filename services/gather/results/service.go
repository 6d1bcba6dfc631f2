// SPDX-License-Identifier: MPL-2.0

package results

import (
	"context"
	"embed"
	"fmt"
	"io"
	"sync/atomic"
	"time"

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

// Deps are what the service leans on. All are needed but Metrics.
type Deps struct {
	Logger   hclog.Logger
	Clock    core.Clock
	DB       *store.DB
	Hints    hints.Hints
	Metrics  prometheus.Registerer
	Archives Archives
}

// Archives is the part of core.Archives that hands out the files.
type Archives interface {
	OpenArchive(ctx context.Context, id core.ArchiveID) (io.ReadCloser, error)
}

// Service implements core.Results.
type Service struct {
	cfg      Config
	deps     Deps
	metrics  *metrics
	stuck    *work.Shelf
	migrated atomic.Bool
	loops    []func(context.Context) error
}

var _ core.Results = (*Service)(nil)

// New returns a service that starts nothing and touches no database.
func New(cfg Config, deps Deps) (*Service, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if deps.Logger == nil || deps.Clock == nil || deps.DB == nil || deps.Hints == nil || deps.Archives == nil {
		return nil, core.Errorf(core.CodeInternal, "results needs a logger, a clock, a database, hints and archives")
	}
	m, err := newMetrics(deps.Metrics)
	if err != nil {
		return nil, fmt.Errorf("registering metrics of results: %w", err)
	}
	s := &Service{cfg: cfg, deps: deps, metrics: m}
	read, err := s.readLoop()
	if err != nil {
		return nil, fmt.Errorf("making the reader: %w", err)
	}
	compare, err := s.compareLoop()
	if err != nil {
		return nil, fmt.Errorf("making the search for flaky tests: %w", err)
	}
	s.stuck = &work.Shelf{
		Service: "results", DB: deps.DB, Hints: deps.Hints, Clock: deps.Clock,
		Topics: map[string]string{"uploads": uploadsTopic, "revisions": revisionsTopic},
	}
	s.loops = []func(context.Context) error{read, compare, s.forgetting}
	return s, nil
}

// Run migrates the tables, then reads and compares until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	if err := s.deps.DB.MigrateEmbedded(ctx, migrations); err != nil {
		if ctx.Err() != nil {
			return nil // asked to stop before it began
		}
		return err
	}
	s.migrated.Store(true)
	defer s.migrated.Store(false)
	group, ctx := errgroup.WithContext(ctx)
	for _, loop := range s.loops {
		group.Go(func() error { return loop(ctx) })
	}
	return group.Wait()
}

// Ready returns nil when the tables are there and the database answers.
func (s *Service) Ready(ctx context.Context) error {
	if !s.migrated.Load() {
		return core.Errorf(core.CodeUnavailable, "results is starting: its tables are not ready")
	}
	return s.deps.DB.Ping(ctx)
}

// forgetting removes what is older than an operator wants to keep.
func (s *Service) forgetting(ctx context.Context) error {
	return work.Every(ctx, time.Hour, s.deps.Logger, "removing old test results", s.forget)
}

func (s *Service) now() time.Time { return store.At(s.deps.Clock()).Time() }
