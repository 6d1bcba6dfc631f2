// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"fmt"
	"time"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/services/accept/gateway"
	"github.com/muster-ci/muster/services/compile/configs"
	"github.com/muster-ci/muster/services/compile/orbs"
	"github.com/muster-ci/muster/services/coordinate/pipelines"
	"github.com/muster-ci/muster/services/coordinate/workflows"
	"github.com/muster-ci/muster/services/dispatch/queue"
	"github.com/muster-ci/muster/services/gather/output"
	"github.com/muster-ci/muster/services/gather/results"
	"github.com/muster-ci/muster/services/keep/identity"
	"github.com/muster-ci/muster/services/keep/projects"
)

// Each make function here reads a service's block of the settings over its
// defaults and hands it what it leans on. There is no logic in them.

func makeGateway(m *seams) (*running, error) {
	cfg := gateway.Default()
	cfg.URL = m.settings.Cluster.BaseURL
	if err := m.settings.Service("gateway", &cfg); err != nil {
		return nil, err
	}
	bucket, err := m.bucket()
	if err != nil {
		return nil, err
	}
	p := m.peersOf("gateway")
	stuck := map[string]core.Stuck{}
	for _, name := range withLoops {
		stuck[name] = p.Stuck(name)
	}
	s, err := gateway.New(cfg, gateway.Deps{
		Logger: m.logger.Named("gateway"), Clock: time.Now, NewID: core.NewID, Metrics: m.metrics, Bundles: bucket,
		Peers: gateway.Peers{
			Identity: p.Identity(), Projects: p.Projects(), Secrets: p.ProjectSecrets(), Configs: p.Configs(), Orbs: p.Orbs(),
			Pipelines: p.Pipelines(), Workflows: p.Workflows(), Jobs: p.Jobs(), Queue: p.Queue(), Serials: p.Serials(), Output: p.Output(), Archives: p.Archives(), Results: p.Results(),
			Usage:         p.Output(),
			Continuations: p.Continuations(), Stuck: stuck,
			SSHKeys: p.SSHKeys(), SSHPlaces: p.SSHPlaces(), JobTokens: p.JobTokens(), SigningKeys: p.SigningKeys(),
		},
	})
	if err != nil {
		return nil, err
	}
	certificate, err := m.certificate()
	if err != nil {
		return nil, err
	}
	return &running{service: s, public: s.Handler(), addresses: m.onBridge(m.settings.Listen.Public), certificate: certificate}, nil
}

func makeConfigs(m *seams) (*running, error) {
	cfg := configs.Default()
	cfg.AllowLocalRepositories = m.dev
	if err := m.settings.Service("configs", &cfg); err != nil {
		return nil, err
	}
	db, err := m.database("configs", store.Config{})
	if err != nil {
		return nil, err
	}
	bucket, err := m.bucket()
	if err != nil {
		return nil, err
	}
	s, err := configs.New(cfg, configs.Deps{
		Logger: m.logger.Named("configs"), Clock: time.Now, DB: db, Metrics: m.metrics, Bundles: bucket.Get,
		Orbs: m.peersOf("configs").Orbs(),
	})
	if err != nil {
		return nil, err
	}
	return &running{service: s, internal: s.Routes}, nil
}

func makeOrbs(m *seams) (*running, error) {
	cfg := orbs.Default()
	if err := m.settings.Service("orbs", &cfg); err != nil {
		return nil, err
	}
	db, err := m.database("orbs", store.Config{})
	if err != nil {
		return nil, err
	}
	s, err := orbs.New(cfg, orbs.Deps{
		Logger: m.logger.Named("orbs"), Clock: time.Now, NewID: core.NewID, DB: db, Metrics: m.metrics,
	})
	if err != nil {
		return nil, err
	}
	return &running{service: s, internal: s.Routes}, nil
}

func makePipelines(m *seams) (*running, error) {
	cfg := pipelines.Default()
	if err := m.settings.Service("pipelines", &cfg); err != nil {
		return nil, err
	}
	db, err := m.database("pipelines", store.Config{})
	if err != nil {
		return nil, err
	}
	bucket, err := m.bucket()
	if err != nil {
		return nil, err
	}
	p := m.peersOf("pipelines")
	s, err := pipelines.New(cfg, pipelines.Deps{
		Logger: m.logger.Named("pipelines"), Clock: time.Now, NewID: core.NewID, DB: db, Hints: m.hints, Metrics: m.metrics,
		Peers: pipelines.Peers{Configs: p.Configs(), Workflows: p.Workflows()}, Bundles: bucket, Sealer: m.sealer,
	})
	if err != nil {
		return nil, err
	}
	return &running{service: s, internal: s.Routes}, nil
}

func makeWorkflows(m *seams) (*running, error) {
	cfg := workflows.Default()
	if err := m.settings.Service("workflows", &cfg); err != nil {
		return nil, err
	}
	db, err := m.database("workflows", store.Config{})
	if err != nil {
		return nil, err
	}
	s, err := workflows.New(cfg, workflows.Deps{
		Logger: m.logger.Named("workflows"), Clock: time.Now, DB: db, Hints: m.hints, Metrics: m.metrics, Queue: m.peersOf("workflows").Queue(), Serials: m.peersOf("workflows").Serials(), Results: m.peersOf("workflows").Results(),
	})
	if err != nil {
		return nil, err
	}
	return &running{service: s, internal: s.Routes}, nil
}

func makeQueue(m *seams) (*running, error) {
	cfg := queue.Default()
	if err := m.settings.Service("queue", &cfg); err != nil {
		return nil, err
	}
	db, err := m.database("queue", store.Config{})
	if err != nil {
		return nil, err
	}
	set, err := loadClasses(m.settings.Cluster.Classes)
	if err != nil {
		return nil, err
	}
	p := m.peersOf("queue")
	s, err := queue.New(cfg, queue.Deps{
		Logger: m.logger.Named("queue"), Clock: time.Now, DB: db, Hints: m.hints, Metrics: m.metrics,
		Classes: set, Placements: p.Placements(), Tasks: p.Tasks(),
	})
	if err != nil {
		return nil, err
	}
	return &running{service: s, internal: s.Routes}, nil
}

func makeOutput(m *seams) (*running, error) {
	cfg := output.Default()
	if err := m.settings.Service("output", &cfg); err != nil {
		return nil, err
	}
	db, err := m.database("output", store.Config{LargeRows: true})
	if err != nil {
		return nil, err
	}
	bucket, err := m.bucket()
	if err != nil {
		return nil, err
	}
	p := m.peersOf("output")
	users := p.Identity()
	s, err := output.New(cfg, output.Deps{
		Logger: m.logger.Named("output"), Clock: time.Now, DB: db, Hints: m.hints, Metrics: m.metrics,
		Objects: bucket, Verifier: m.agents, Sealer: m.sealer,
		Peers: output.Peers{
			Placements: p.Placements(), Results: p.Results(), JobTokens: p.JobTokens(), Siblings: p.TaskSiblings(),
			Readers: func(ctx context.Context, token string) (core.UserID, error) {
				user, err := users.Authenticate(ctx, token)
				return user.ID, err
			},
		},
	})
	if err != nil {
		return nil, err
	}
	face := m.outputFace(s.AgentRoutes, s.ReaderRoutes)
	return &running{service: s, internal: s.Routes, addresses: m.onBridge(m.settings.Listen.Output), public: face}, nil
}

func makeResults(m *seams) (*running, error) {
	cfg := results.Default()
	if err := m.settings.Service("results", &cfg); err != nil {
		return nil, err
	}
	db, err := m.database("results", store.Config{LargeRows: true})
	if err != nil {
		return nil, err
	}
	s, err := results.New(cfg, results.Deps{
		Logger: m.logger.Named("results"), Clock: time.Now, DB: db, Hints: m.hints, Metrics: m.metrics,
		Archives: m.peersOf("results").Archives(),
	})
	if err != nil {
		return nil, err
	}
	return &running{service: s, internal: s.Routes}, nil
}

func makeIdentity(m *seams) (*running, error) {
	cfg := identity.Default()
	cfg.Issuer = m.settings.Cluster.BaseURL
	if err := m.settings.Service("identity", &cfg); err != nil {
		return nil, err
	}
	db, err := m.database("identity", store.Config{})
	if err != nil {
		return nil, err
	}
	s, err := identity.New(cfg, identity.Deps{
		Logger: m.logger.Named("identity"), Clock: time.Now, NewID: core.NewID, DB: db, Signer: m.signer, FirstToken: m.firstToken,
	})
	if err != nil {
		return nil, err
	}
	return &running{service: s, internal: s.Routes}, nil
}

// firstToken keeps the first administrator's token where the operator finds it.
func (m *seams) firstToken(value string) error {
	if m.keeper == nil {
		return writeToken(m.tokenFile, value)
	}
	path := "services/identity/first-token"
	if err := m.keeper.Put(context.Background(), path, map[string]string{"token": value}); err != nil {
		return fmt.Errorf("keeping the first token in Vault at %s: %w", path, err)
	}
	return nil
}

func makeProjects(m *seams) (*running, error) {
	cfg := projects.Default()
	cfg.LocalRepositories = m.dev
	if err := m.settings.Service("projects", &cfg); err != nil {
		return nil, err
	}
	db, err := m.database("projects", store.Config{})
	if err != nil {
		return nil, err
	}
	s, err := projects.New(cfg, projects.Deps{
		Logger: m.logger.Named("projects"), Clock: time.Now, NewID: core.NewID, DB: db, Sealer: m.sealer,
	})
	if err != nil {
		return nil, err
	}
	return &running{service: s, internal: s.Routes}, nil
}
