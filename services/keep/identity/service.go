// SPDX-License-Identifier: MPL-2.0

package identity

import (
	"context"
	"embed"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/secrets"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/work"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Deps are what the service works with.
type Deps struct {
	Logger hclog.Logger
	Clock  core.Clock
	NewID  func() string
	DB     *store.DB
	Signer secrets.Signer // has or makes the key "identity-tokens"
	// FirstToken keeps the value of the first administrator's token for the
	// operator (a file, a path in Vault). It may be called again with another
	// value after a crash; the last one counts. Nil when Config.AdminToken is
	// set or somebody else calls Bootstrap.
	FirstToken func(value string) error
}

// Service keeps users and tokens.
type Service struct {
	cfg   Config
	deps  Deps
	ready atomic.Bool
}

var (
	_ core.Identity       = (*Service)(nil)
	_ core.SSHKeys        = (*Service)(nil)
	_ core.JobTokenIssuer = (*Service)(nil)
	_ core.SigningKeys    = (*Service)(nil)
)

// New makes the service; Run starts it.
func New(cfg Config, deps Deps) (*Service, error) {
	cfg = cfg.withDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if deps.Logger == nil || deps.Clock == nil || deps.NewID == nil || deps.DB == nil || deps.Signer == nil {
		return nil, core.Errorf(core.CodeInternal, "identity needs a logger, a clock, a source of ids, a database and a signer")
	}
	return &Service{cfg: cfg, deps: deps}, nil
}

// Run prepares the tables and the first administrator, and then sees to the age
// of signing keys until ctx ends: everything else happens on request.
func (s *Service) Run(ctx context.Context) error {
	if err := s.Migrate(ctx); err != nil {
		if ctx.Err() != nil {
			return nil // asked to stop before it began
		}
		return err
	}
	if _, _, err := s.Bootstrap(ctx); err != nil {
		return fmt.Errorf("making the first administrator: %w", err)
	}
	s.ready.Store(true)
	return work.Every(ctx, turnEvery, s.deps.Logger, "turning signing keys", s.turnKeys)
}

// turnEvery is how often the age of signing keys is looked at.
const turnEvery = 30 * time.Minute

// Ready returns nil when the service can answer, and there is an administrator.
func (s *Service) Ready(ctx context.Context) error {
	if !s.ready.Load() {
		return core.Errorf(core.CodeUnavailable, "identity is still preparing its tables")
	}
	return s.deps.DB.Ping(ctx)
}

// Migrate prepares the tables; Run does so first.
func (s *Service) Migrate(ctx context.Context) error {
	return s.deps.DB.MigrateEmbedded(ctx, migrations)
}
