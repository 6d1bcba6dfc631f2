// SPDX-License-Identifier: MPL-2.0

package gateway

import (
	"context"
	"io"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/httpx"
	"github.com/muster-ci/muster/services/accept/gateway/follow"
	"github.com/muster-ci/muster/services/accept/gateway/graphql"
)

// Peers are the services that the gateway asks.
type Peers struct {
	Identity  core.Identity
	Projects  core.Projects
	Secrets   core.ProjectSecrets
	Configs   core.Configs
	Orbs      core.Orbs
	Pipelines core.Pipelines
	Workflows core.Workflows
	Jobs      core.Jobs
	Queue     core.Queue
	Serials   core.Serials
	Output    core.Output
	Archives  core.Archives
	Results   core.Results
	Usage     core.ResourceUsages // output's too
	// Continuations are those of the pipelines service.
	Continuations core.Continuations
	// SSHKeys and JobTokens are identity's, SSHPlaces output's.
	SSHKeys   core.SSHKeys
	JobTokens core.JobTokenIssuer
	SSHPlaces core.SSHPlaces
	// SigningKeys are identity's.
	SigningKeys core.SigningKeys
	// Stuck are the services that set work aside, by name.
	Stuck map[string]core.Stuck
}

// Bundles is where uploaded git bundles go; objects.Store is one.
type Bundles interface {
	Put(ctx context.Context, key string, r io.Reader) error
	Size(ctx context.Context, key string) (int64, error) // CodeNotFound when missing
}

// Deps are what the gateway works with.
type Deps struct {
	Logger  hclog.Logger
	Clock   core.Clock
	NewID   func() string
	Metrics prometheus.Registerer // may be nil
	Peers   Peers
	Bundles Bundles
}

// Service is the gateway.
type Service struct {
	cfg      Config
	deps     Deps
	url      string // without a slash at its end
	hub      *follow.Hub
	limits   *httpx.Limits
	streams  *streamCount
	recheck  time.Duration
	metrics  *metrics
	keys     knownKeys
	graphQL  *graphql.API
	openAPI  []byte
	endpoint []endpoint
}

// New makes the gateway. Handler serves it, Run waits for its streams.
func New(cfg Config, deps Deps) (*Service, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	p := deps.Peers
	if deps.Logger == nil || deps.Clock == nil || deps.NewID == nil || deps.Bundles == nil ||
		p.Identity == nil || p.Projects == nil || p.Secrets == nil || p.Configs == nil || p.Orbs == nil || p.Pipelines == nil ||
		p.Workflows == nil || p.Jobs == nil || p.Queue == nil || p.Serials == nil || p.Output == nil || p.Archives == nil || p.Results == nil || p.Continuations == nil ||
		p.SSHKeys == nil || p.JobTokens == nil || p.SSHPlaces == nil || p.SigningKeys == nil {
		return nil, core.Errorf(core.CodeInternal, "the gateway needs a logger, a clock, a source of ids, a store of bundles and all of its peers")
	}
	sources := follow.Sources{Pipelines: p.Pipelines, Workflows: p.Workflows, Jobs: p.Jobs, Output: p.Output, Queue: p.Queue}
	s := &Service{
		cfg: cfg, deps: deps, url: strings.TrimRight(cfg.URL, "/"),
		hub:     follow.NewHub(sources, deps.Clock, deps.Logger),
		limits:  httpx.NewLimits(cfg.RequestsPerSecond, cfg.Burst, deps.Clock),
		streams: newStreamCount(cfg.MaxStreams),
		recheck: recheck,
		metrics: newMetrics(deps.Metrics),
	}
	var err error
	if s.graphQL, err = s.newGraphQL(); err != nil {
		return nil, err
	}
	s.endpoint = s.endpoints()
	if s.openAPI, err = describe(s.endpoint, s.url); err != nil {
		return nil, err
	}
	return s, nil
}

// Run waits for ctx and then for the watches of the streams, which end with
// their requests when the server stops.
func (s *Service) Run(ctx context.Context) error {
	<-ctx.Done()
	s.hub.Wait()
	return nil
}

// Ready returns nil: the gateway keeps nothing that could be missing, and an
// error of a peer is the answer to the request that needed it.
func (s *Service) Ready(context.Context) error { return nil }
