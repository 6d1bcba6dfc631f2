// SPDX-License-Identifier: MPL-2.0

package archive

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/hints"
	"github.com/muster-ci/muster/internal/objects"
	"github.com/muster-ci/muster/internal/secrets"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/work"
)

// sealingKey is the key of the Sealer: each service has one of its own name.
const sealingKey = "output"

// Deps are what it leans on, all of the service output's.
type Deps struct {
	Logger  hclog.Logger
	Clock   core.Clock
	DB      *store.DB // migrated by output
	Hints   hints.Hints
	Metrics prometheus.Registerer
	Objects *objects.Store
	Sealer  secrets.Sealer
	Results Results // nil: test results wait for a process that has it
}

// Results is the part of core.Results that takes files of test results.
type Results interface {
	AddResults(ctx context.Context, uploads []core.TestUpload) error
}

// Archives implements core.Archives, and answers agents.
type Archives struct {
	cfg     Config
	deps    Deps
	metrics *metrics
	sweep   *work.Loop[*row]
	deliver *work.Loop[*handoverRow]
}

var _ core.Archives = (*Archives)(nil)

// New returns it; it starts nothing and touches no database.
func New(cfg Config, deps Deps) (*Archives, error) {
	m, err := newMetrics(deps.Metrics)
	if err != nil {
		return nil, fmt.Errorf("registering metrics of archives: %w", err)
	}
	s := &Archives{cfg: cfg, deps: deps, metrics: m}
	s.sweep, err = work.New(work.Config[*row]{
		Name: "output.archives", Table: "archives", DB: deps.DB, Hints: deps.Hints, Topic: Topic,
		Clock: deps.Clock, Logger: deps.Logger, Metrics: deps.Metrics,
		Batch: 8, Handle: s.handle,
	})
	if err != nil {
		return nil, fmt.Errorf("making the sweeper of archives: %w", err)
	}
	if s.deliver, err = s.handoverLoop(); err != nil {
		return nil, fmt.Errorf("making the hand-over of test results: %w", err)
	}
	return s, nil
}

// Run sweeps and hands over until ctx ends. What is kept already is held against
// the settings once.
func (s *Archives) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.sweep.Run(ctx) })
	group.Go(func() error { return s.adjustOnce(ctx) })
	if s.deps.Results != nil {
		group.Go(func() error { return s.deliver.Run(ctx) })
	}
	return group.Wait()
}

// now is the clock in UTC, cut to what a row keeps.
func (s *Archives) now() time.Time { return store.At(s.deps.Clock()).Time() }
