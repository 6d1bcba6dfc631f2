// SPDX-License-Identifier: MPL-2.0

package archive

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/hints"
	"github.com/muster-ci/muster/internal/objects"
	"github.com/muster-ci/muster/internal/secrets"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/work"
)

// sealingKey is the key of the Sealer: each service has one of its own name.
const sealingKey = "output"

// Deps are what it leans on, all of the service output's. All are needed.
type Deps struct {
	Logger  hclog.Logger
	Clock   core.Clock
	DB      *store.DB // migrated by output
	Hints   hints.Hints
	Metrics prometheus.Registerer
	Objects *objects.Store
	Sealer  secrets.Sealer
}

// Archives implements core.Archives, and answers agents.
type Archives struct {
	cfg     Config
	deps    Deps
	metrics *metrics
	sweep   *work.Loop[*row]
}

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
	return s, nil
}

// Run sweeps until ctx ends.
func (s *Archives) Run(ctx context.Context) error { return s.sweep.Run(ctx) }

// now is the clock in UTC, cut to what a row keeps.
func (s *Archives) now() time.Time { return store.At(s.deps.Clock()).Time() }
