// SPDX-License-Identifier: MPL-2.0

package placements

import (
	"context"
	"embed"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/uptrace/bun"
	"golang.org/x/sync/errgroup"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/hcl/classes"
	"github.com/muster-ci/muster/internal/batch"
	"github.com/muster-ci/muster/internal/hints"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/work"
	"github.com/muster-ci/muster/services/dispatch/placements/cluster"
	"github.com/muster-ci/muster/services/dispatch/placements/registry"
)

//go:embed migrations/*.sql
var migrations embed.FS

// The topics of hints between the parts and instances of placements.
const (
	topicAttempts = "placements.attempts"
	topicReports  = "placements.reports"
	topicNotes    = "placements.notes"
)

// forgetEvery is how often old attempts are looked for.
const forgetEvery = 10 * time.Minute

// Deps is what placements leans on.
type Deps struct {
	Logger  hclog.Logger
	Clock   core.Clock
	DB      *store.DB
	Hints   hints.Hints
	Metrics prometheus.Registerer // nil: none are kept
	Classes *classes.Set          // nil: classes.Default
	Cluster cluster.Cluster
	Peers   Peers
	Logins  registry.Resolver // at the registries of images
}

// Peers are the other services that placements talks to.
type Peers struct {
	Tasks   core.Tasks
	Queue   core.Queue
	Secrets core.ProjectSecrets
	Output  core.OutputControl
	// Continuations has the keys of setup pipelines.
	Continuations core.Continuations
	// SSHKeys has the keys of users who may log in to their jobs.
	SSHKeys core.SSHKeys
	// JobTokens signs the tokens that clouds exchange for logins.
	JobTokens core.JobTokenIssuer
}

// Service implements core.Placements.
type Service struct {
	cfg       Config
	deps      Deps
	metrics   *metrics
	loops     []interface{ Run(context.Context) error }
	relistNow chan struct{} // capacity 1
	stuck     *work.Shelf
	jumps     *jumps
	attempts  *work.Loop[*attempt] // one of loops
	ready     atomic.Bool
}

var _ core.Placements = (*Service)(nil)

// New checks its arguments and starts nothing.
func New(cfg Config, deps Deps) (*Service, error) {
	cfg = cfg.withDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if deps.Classes == nil {
		deps.Classes = classes.Default()
	}
	s := &Service{cfg: cfg, deps: deps, relistNow: make(chan struct{}, 1), jumps: newJumps()}
	var err error
	if s.metrics, err = newMetrics(deps.Metrics); err != nil {
		return nil, fmt.Errorf("registering metrics: %w", err)
	}
	if err := s.makeLoops(); err != nil {
		return nil, fmt.Errorf("making the loops: %w", err)
	}
	return s, nil
}

func (s *Service) makeLoops() error {
	attempts, err := work.New(work.Config[*attempt]{
		Name: "placements_attempts", Table: "attempts", Topic: topicAttempts, Handle: s.handle,
		Workers: 2,
		DB:      s.deps.DB, Hints: s.deps.Hints, Clock: s.deps.Clock, Logger: s.deps.Logger, Metrics: s.deps.Metrics,
	})
	if err != nil {
		return err
	}
	reports, err := work.New(work.Config[*report]{
		Name: "placements_reports", Table: "reports", Topic: topicReports, Handle: s.deliver, Batch: 256,
		DB: s.deps.DB, Hints: s.deps.Hints, Clock: s.deps.Clock, Logger: s.deps.Logger, Metrics: s.deps.Metrics,
	})
	if err != nil {
		return err
	}
	notes, err := work.New(work.Config[*note]{
		Name: "placements_notes", Table: "notes", Topic: topicNotes, Handle: s.pass, Batch: 256,
		DB: s.deps.DB, Hints: s.deps.Hints, Clock: s.deps.Clock, Logger: s.deps.Logger, Metrics: s.deps.Metrics,
	})
	if err != nil {
		return err
	}
	s.stuck = &work.Shelf{
		Service: "placements", DB: s.deps.DB, Hints: s.deps.Hints, Clock: s.deps.Clock,
		Topics: map[string]string{"attempts": topicAttempts, "reports": topicReports, "notes": topicNotes},
	}
	s.attempts = attempts
	s.loops = append(s.loops, attempts, reports, notes)
	return nil
}

// Run migrates the tables, then places and watches until ctx ends. Runs on the
// cluster go on without it.
func (s *Service) Run(ctx context.Context) error {
	if err := s.deps.DB.MigrateEmbedded(ctx, migrations); err != nil {
		if ctx.Err() != nil {
			return nil // asked to stop before it began
		}
		return err
	}
	s.ready.Store(true)
	defer s.ready.Store(false)
	group, ctx := errgroup.WithContext(ctx)
	for _, loop := range s.loops {
		group.Go(func() error { return loop.Run(ctx) })
	}
	group.Go(func() error { return s.watch(ctx) })
	group.Go(func() error { return s.relist(ctx) })
	group.Go(func() error {
		return work.Every(ctx, forgetEvery, s.deps.Logger, "forgetting old attempts", s.forget)
	})
	// Embedded clusters have a life of their own; Nomad has it elsewhere.
	if c, ok := s.deps.Cluster.(interface{ Run(context.Context) error }); ok {
		group.Go(func() error { return c.Run(ctx) })
	}
	if err := group.Wait(); err != nil && ctx.Err() == nil {
		return err
	}
	return nil
}

// Ready returns nil when the tables are there and the database answers. A
// cluster that is away does not make the service unready: it is what the
// service tells those who wait.
func (s *Service) Ready(ctx context.Context) error {
	if !s.ready.Load() {
		return core.Errorf(core.CodeUnavailable, "placements is still migrating its tables")
	}
	return s.deps.DB.Ping(ctx)
}

// forget removes attempts that ended long ago, a few at a time.
func (s *Service) forget(ctx context.Context) error {
	before := store.At(s.deps.Clock().Add(-s.cfg.Keep))
	for ctx.Err() == nil {
		var ids []string
		err := s.deps.DB.NewSelect().Model((*attempt)(nil)).Column("id").
			Where("ended_at IS NOT NULL").Where("ended_at < ?", before).Where("purged").Limit(batch.Size).Scan(ctx, &ids)
		if err != nil {
			return err
		}
		if len(ids) == 0 {
			return s.dropSpecs(ctx)
		}
		if _, err := s.deps.DB.NewDelete().Model((*home)(nil)).Where("id IN (?)", bun.List(ids)).Exec(ctx); err != nil {
			return err
		}
		if _, err := s.deps.DB.NewDelete().Model((*attempt)(nil)).Where("id IN (?)", bun.List(ids)).Exec(ctx); err != nil {
			return err
		}
	}
	return nil
}

// dropSpecs removes specs that were stored for attempts that had just ended:
// by a process that was held up between looking and storing.
func (s *Service) dropSpecs(ctx context.Context) error {
	_, err := s.deps.DB.NewDelete().Model((*spec)(nil)).
		Where("id NOT IN (SELECT id FROM attempts WHERE state <> 'ended')").Exec(ctx)
	return err
}
