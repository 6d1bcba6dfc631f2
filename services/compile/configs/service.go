// SPDX-License-Identifier: MPL-2.0

package configs

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
	"github.com/muster-ci/muster/internal/config"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/work"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Deps are what the service works with.
type Deps struct {
	Logger  hclog.Logger
	Clock   core.Clock
	DB      *store.DB
	Metrics prometheus.Registerer
	// Bundles opens an uploaded bundle by its object key, CodeNotFound when
	// there is none. nil: triggers with a bundle are refused.
	Bundles func(ctx context.Context, key string) (io.ReadCloser, error)
	// Orbs is the registry of orbs (core.Orbs). nil: there is none, and configs
	// can use inline orbs only.
	Orbs config.OrbResolver
}

// Service fetches and compiles configs.
type Service struct {
	cfg      Config
	deps     Deps
	keep     time.Duration
	metrics  *metrics
	migrated atomic.Bool
	// compiling and fetching hold one token for each that may run.
	compiling, fetching chan struct{}
	orbs                *config.OrbCache
	// results wait to be remembered; when it is full they are not.
	results chan compiledRow
}

var _ core.Configs = (*Service)(nil)

// New makes the service; Run starts it.
func New(cfg Config, deps Deps) (*Service, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if deps.Logger == nil || deps.Clock == nil || deps.DB == nil {
		return nil, core.Errorf(core.CodeInternal, "configs needs a logger, a clock and a database")
	}
	m, err := newMetrics(deps.Metrics)
	if err != nil {
		return nil, fmt.Errorf("registering metrics: %w", err)
	}
	return &Service{
		cfg: cfg, deps: deps, metrics: m, keep: duration(cfg.KeepCompiled),
		compiling: make(chan struct{}, cfg.Compilations),
		fetching:  make(chan struct{}, cfg.Fetches),
		orbs:      config.NewOrbCache(cfg.OrbCacheBytes),
		results:   make(chan compiledRow, 64),
	}, nil
}

// Run prepares the table, then remembers results and forgets old ones until
// ctx ends.
func (s *Service) Run(ctx context.Context) error {
	if err := s.deps.DB.MigrateEmbedded(ctx, migrations); err != nil {
		if ctx.Err() != nil {
			return nil // asked to stop before it began
		}
		return err
	}
	s.migrated.Store(true)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.remember(ctx) })
	group.Go(func() error {
		return work.Every(ctx, max(time.Minute, s.keep/10), s.deps.Logger, "forgetting compiled configs", s.forget)
	})
	return group.Wait()
}

// Ready returns nil when the service can answer.
func (s *Service) Ready(ctx context.Context) error {
	if !s.migrated.Load() {
		return core.Errorf(core.CodeUnavailable, "configs is still preparing its table")
	}
	return s.deps.DB.Ping(ctx)
}

// enter takes a token, or gives up with the context.
func enter(ctx context.Context, tokens chan struct{}) (leave func(), err error) {
	select {
	case tokens <- struct{}{}:
		return func() { <-tokens }, nil
	case <-ctx.Done():
		return nil, &core.Error{Code: core.CodeUnavailable, Message: "too many configs are being worked on", Err: ctx.Err()}
	}
}
