// SPDX-License-Identifier: MPL-2.0

package queue

import (
	"context"
	"embed"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/hcl/classes"
	"github.com/muster-ci/muster/internal/hints"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/work"
)

//go:embed migrations/*.sql
var migrations embed.FS

// The topics of hints between the parts and instances of the queue.
const (
	topicTasks         = "queue.tasks"
	topicAttempts      = "queue.attempts"
	topicReports       = "queue.reports"
	topicOrganizations = "queue.organizations"
	topicSerials       = "queue.serial_news"
)

// Deps is what the queue leans on.
type Deps struct {
	Logger hclog.Logger
	Clock  core.Clock
	// NewAttemptID makes ids; nil means core.NewAttemptID.
	NewAttemptID func() core.AttemptID
	DB           *store.DB
	Hints        hints.Hints
	Metrics      prometheus.Registerer // nil: none are kept
	Classes      *classes.Set
	Placements   core.Placements
	Tasks        core.Tasks
}

// Service implements core.Queue and core.Serials.
type Service struct {
	cfg     Config
	deps    Deps
	metrics *metrics
	loops   []interface{ Run(context.Context) error }
	stuck   *work.Shelf
	ready   atomic.Bool
	// attempts is the loop that hands attempts over, one of loops.
	attempts *work.Loop[*attempt]
}

var (
	_ core.Queue   = (*Service)(nil)
	_ core.Serials = (*Service)(nil)
)

// New checks its arguments and starts nothing.
func New(cfg Config, deps Deps) (*Service, error) {
	cfg = cfg.withDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if deps.NewAttemptID == nil {
		deps.NewAttemptID = core.NewAttemptID
	}
	if deps.Classes == nil {
		deps.Classes = classes.Default()
	}
	s := &Service{cfg: cfg, deps: deps}
	var err error
	if s.metrics, err = newMetrics(deps.Metrics, s.census); err != nil {
		return nil, fmt.Errorf("registering metrics: %w", err)
	}
	if err := s.makeLoops(); err != nil {
		return nil, fmt.Errorf("making the loops: %w", err)
	}
	return s, nil
}

func (s *Service) makeLoops() error {
	attempts, err := work.New(work.Config[*attempt]{
		Name: "queue_attempts", Table: "attempts", Topic: topicAttempts, Handle: s.handOver,
		DB: s.deps.DB, Hints: s.deps.Hints, Clock: s.deps.Clock, Logger: s.deps.Logger, Metrics: s.deps.Metrics,
	})
	if err != nil {
		return err
	}
	reports, err := work.New(work.Config[*report]{
		Name: "queue_reports", Table: "reports", Topic: topicReports, Handle: s.deliver, Batch: 256,
		DB: s.deps.DB, Hints: s.deps.Hints, Clock: s.deps.Clock, Logger: s.deps.Logger, Metrics: s.deps.Metrics,
	})
	if err != nil {
		return err
	}
	names, err := work.New(work.Config[*organization]{
		Name: "queue_organizations", Table: "organizations", Topic: topicOrganizations, Handle: s.learnNames,
		DB: s.deps.DB, Hints: s.deps.Hints, Clock: s.deps.Clock, Logger: s.deps.Logger, Metrics: s.deps.Metrics,
	})
	if err != nil {
		return err
	}
	serials, err := work.New(work.Config[*serialNews]{
		Name: "queue_serial_news", Table: "serial_news", Topic: topicSerials, Handle: s.tellSerials,
		DB: s.deps.DB, Hints: s.deps.Hints, Clock: s.deps.Clock, Logger: s.deps.Logger, Metrics: s.deps.Metrics,
	})
	if err != nil {
		return err
	}
	s.stuck = &work.Shelf{
		Service: "queue", DB: s.deps.DB, Hints: s.deps.Hints, Clock: s.deps.Clock,
		Topics: map[string]string{"attempts": topicAttempts, "reports": topicReports, "organizations": topicOrganizations, "serial_news": topicSerials},
	}
	s.attempts = attempts
	s.loops = append(s.loops, attempts, reports, names, serials)
	return nil
}

// Run migrates the tables, then schedules and hands over until ctx ends.
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
	group.Go(func() error { return s.schedule(ctx) })
	group.Go(func() error {
		return work.Every(ctx, forgetEvery, s.deps.Logger, "forgetting old tasks", s.forget)
	})
	group.Go(func() error {
		return work.Every(ctx, forgetEvery, s.deps.Logger, "forgetting old claims", s.forgetSerials)
	})
	group.Go(func() error {
		return work.Every(ctx, serialPoll, s.deps.Logger, "expiring claims", s.expireSerials)
	})
	if err := group.Wait(); err != nil && ctx.Err() == nil {
		return err
	}
	return nil
}

// Ready returns nil when the tables are there and the database answers.
func (s *Service) Ready(ctx context.Context) error {
	if !s.ready.Load() {
		return core.Errorf(core.CodeUnavailable, "the queue is still migrating its tables")
	}
	return s.deps.DB.Ping(ctx)
}

// poll is how long a lost hint can hold up a pass.
const poll = 2 * time.Second

// forgetEvery is how often old tasks are looked for.
const forgetEvery = 10 * time.Minute
