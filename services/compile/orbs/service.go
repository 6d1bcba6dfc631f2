// SPDX-License-Identifier: MPL-2.0

package orbs

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/singleflight"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/outbound"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/work"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Deps are what the service works with.
type Deps struct {
	Logger  hclog.Logger
	Clock   core.Clock
	NewID   func() string
	DB      *store.DB
	Metrics prometheus.Registerer // may be nil
	// Transport fetches URL orbs in place of the one that reaches public
	// addresses only; for tests. nil otherwise.
	Transport http.RoundTripper
}

// Service is the registry.
type Service struct {
	cfg      Config
	deps     Deps
	metrics  *metrics
	sources  *sourceCache
	client   *http.Client
	fetching singleflight.Group
	// slots holds one token for each fetch that may run.
	slots    chan struct{}
	migrated atomic.Bool
}

var _ core.Orbs = (*Service)(nil)

// New makes the service; Run starts it.
func New(cfg Config, deps Deps) (*Service, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if deps.Logger == nil || deps.Clock == nil || deps.NewID == nil || deps.DB == nil {
		return nil, core.Errorf(core.CodeInternal, "orbs needs a logger, a clock, a source of ids and a database")
	}
	m, err := newMetrics(deps.Metrics)
	if err != nil {
		return nil, fmt.Errorf("registering metrics: %w", err)
	}
	if deps.Transport == nil {
		deps.Transport = outbound.NewTransport(outbound.Options{Loopback: cfg.URLLoopback})
	}
	return &Service{
		cfg: cfg, deps: deps, metrics: m, sources: newSourceCache(),
		client: &http.Client{Transport: deps.Transport},
		slots:  make(chan struct{}, cfg.URLFetches),
	}, nil
}

// Run prepares the tables and then removes what nobody can need any more, until
// ctx ends.
func (s *Service) Run(ctx context.Context) error {
	if err := s.deps.DB.MigrateEmbedded(ctx, migrations); err != nil {
		if ctx.Err() != nil {
			return nil // asked to stop before it began
		}
		return err
	}
	s.migrated.Store(true)
	defer s.client.CloseIdleConnections()
	return work.Every(ctx, 10*time.Minute, s.deps.Logger, "removing old orb sources", s.sweep)
}

// Ready returns nil when the service can answer.
func (s *Service) Ready(ctx context.Context) error {
	if !s.migrated.Load() {
		return core.Errorf(core.CodeUnavailable, "orbs is still preparing its tables")
	}
	return s.deps.DB.Ping(ctx)
}

func (s *Service) now() store.Time { return store.At(s.deps.Clock()) }

// doing says what an error happened at, but leaves errors that are meant for
// people as they are: their message travels to the caller word for word.
func doing(what string, err error) error {
	var spoken *core.Error
	if err == nil || errors.As(err, &spoken) {
		return err
	}
	return fmt.Errorf("%s: %w", what, err)
}
