// SPDX-License-Identifier: MPL-2.0

package output

import (
	"context"
	"embed"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/hints"
	"github.com/muster-ci/muster/internal/httpx"
	"github.com/muster-ci/muster/internal/objects"
	"github.com/muster-ci/muster/internal/secrets"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/work"
	"github.com/muster-ci/muster/internal/workload"
	"github.com/muster-ci/muster/services/gather/output/archive"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Deps are what the service leans on. All are needed.
type Deps struct {
	Logger   hclog.Logger
	Clock    core.Clock
	DB       *store.DB
	Hints    hints.Hints
	Metrics  prometheus.Registerer
	Objects  *objects.Store
	Verifier workload.Verifier
	Sealer   secrets.Sealer // has or makes the key "output"
	Peers    Peers
}

// Peers are the services that it calls.
type Peers struct {
	Placements core.Placements
	Results    Results
	JobTokens  core.JobTokenIssuer
	Siblings   core.TaskSiblings
	// Readers returns whose a personal token is that may read output, and an
	// error of core otherwise. It guards the routes for people only.
	Readers func(ctx context.Context, token string) (core.UserID, error)
}

// Service implements core.Output and core.OutputControl and serves agents.
type Service struct {
	cfg     Config
	deps    Deps
	metrics *metrics
	commits *committer
	owners  owners
	limits  *httpx.Limits // of people who read
	// tokenLimits are of attempts that ask for OIDC tokens.
	tokenLimits *httpx.Limits
	tunnels     tunnels
	room        *room         // for requests of agents
	windows     chan struct{} // one for each reader that has much in memory
	looks       chan struct{} // one for each reader that reads chunks
	stopped     chan struct{} // closed when Run ends
	stop        func()
	archives    *archive.Archives
	// patience is how long results is asked for timings when it is away.
	patience time.Duration
	bodyTime time.Duration // how long an agent may take to send one request
	stuck    *work.Shelf
	migrated atomic.Bool
	loops    []func(context.Context) error
}

var (
	_ core.Output        = (*Service)(nil)
	_ core.OutputControl = (*Service)(nil)

	_ core.ResourceUsages = (*Service)(nil)
)

// New returns a service that starts nothing and touches no database.
func New(cfg Config, deps Deps) (*Service, error) {
	cfg = cfg.withDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	m, err := newMetrics(deps.Metrics)
	if err != nil {
		return nil, fmt.Errorf("registering metrics of output: %w", err)
	}
	s := &Service{
		cfg: cfg, deps: deps, metrics: m, stopped: make(chan struct{}), patience: timingsPatience, bodyTime: bodyTime,
		room: newRoom(cfg.Requests), windows: make(chan struct{}, wideReaders), looks: make(chan struct{}, lookers),
	}
	s.limits = httpx.NewLimits(cfg.ReadsPerSecond, cfg.ReadsBurst, deps.Clock)
	s.tokenLimits = httpx.NewLimits(1/jobTokenEvery.Seconds(), maxJobTokens, deps.Clock)
	s.stop = sync.OnceFunc(func() { close(s.stopped) })
	s.commits = newCommitter(s.commit, s.stopped)
	seal, err := s.sealLoop()
	if err != nil {
		return nil, fmt.Errorf("making the sealer: %w", err)
	}
	report, err := s.reportLoop()
	if err != nil {
		return nil, fmt.Errorf("making the reporter: %w", err)
	}
	s.archives, err = archive.New(cfg.archives(), archive.Deps{
		Logger: deps.Logger, Clock: deps.Clock, DB: deps.DB, Hints: deps.Hints, Metrics: deps.Metrics, Objects: deps.Objects, Sealer: deps.Sealer,
		Results: deps.Peers.Results,
	})
	if err != nil {
		return nil, fmt.Errorf("making the archives: %w", err)
	}
	s.stuck = &work.Shelf{
		Service: "output", DB: deps.DB, Hints: deps.Hints, Clock: deps.Clock,
		Topics: map[string]string{"attempts": sealTopic, "reports": reportsTopic, "archives": archive.Topic, "test_uploads": archive.HandoverTopic},
	}
	s.loops = []func(context.Context) error{s.commits.run, seal, report, s.archives.Run}
	return s, nil
}

// Run migrates the tables, then takes frames, reports and seals until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	defer s.stop()
	defer s.tunnels.close()
	if err := s.deps.DB.MigrateEmbedded(ctx, migrations); err != nil {
		if ctx.Err() != nil {
			return nil // asked to stop before it began
		}
		return err
	}
	if err := s.refresh(ctx); err != nil && ctx.Err() == nil {
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
		return core.Errorf(core.CodeUnavailable, "output is starting: its tables are not ready")
	}
	return s.deps.DB.Ping(ctx)
}

// now is the clock in UTC, cut to what a row keeps.
func (s *Service) now() time.Time { return store.At(s.deps.Clock()).Time() }
