// SPDX-License-Identifier: MPL-2.0

package projects

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/hashicorp/go-hclog"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/secrets"
	"github.com/muster-ci/muster/internal/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Deps are what the service works with.
type Deps struct {
	Logger hclog.Logger
	Clock  core.Clock
	NewID  func() string
	DB     *store.DB
	Sealer secrets.Sealer // has or makes the key "projects"
}

// Service keeps projects and their variables.
type Service struct {
	cfg      Config
	deps     Deps
	migrated atomic.Bool
}

var (
	_ core.Projects       = (*Service)(nil)
	_ core.ProjectSecrets = (*Service)(nil)
)

// New makes the service; Run starts it.
func New(cfg Config, deps Deps) (*Service, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if deps.Logger == nil || deps.Clock == nil || deps.NewID == nil || deps.DB == nil || deps.Sealer == nil {
		return nil, core.Errorf(core.CodeInternal, "projects needs a logger, a clock, a source of ids, a database and a sealer")
	}
	return &Service{cfg: cfg, deps: deps}, nil
}

// Run prepares the tables and waits for ctx: everything happens on request.
func (s *Service) Run(ctx context.Context) error {
	if err := s.deps.DB.MigrateEmbedded(ctx, migrations); err != nil {
		if ctx.Err() != nil {
			return nil // asked to stop before it began
		}
		return err
	}
	s.migrated.Store(true)
	<-ctx.Done()
	return nil
}

// Ready returns nil when the service can answer.
func (s *Service) Ready(ctx context.Context) error {
	if !s.migrated.Load() {
		return core.Errorf(core.CodeUnavailable, "projects is still preparing its tables")
	}
	return s.deps.DB.Ping(ctx)
}

// doing says what an error happened at, but leaves errors that are meant for
// people as they are: their message travels to the caller word for word.
func doing(what string, err error) error {
	var spoken *core.Error
	if err == nil || errors.As(err, &spoken) {
		return err
	}
	return fmt.Errorf("%s: %w", what, err)
}
