// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/muster-ci/muster/hcl/settings"
	"github.com/muster-ci/muster/internal/hints"
	"github.com/muster-ci/muster/internal/module"
	"github.com/muster-ci/muster/internal/objects"
	"github.com/muster-ci/muster/internal/remote"
	"github.com/muster-ci/muster/internal/resolve"
	"github.com/muster-ci/muster/internal/secrets"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/wire"
	"github.com/muster-ci/muster/internal/workload"
)

// controlAudience is what the identities of control services are meant for, so
// that a build's identity is of no use between services.
const controlAudience = "muster-control"

// seams are what stands between a process and everything outside it, each in
// the implementation that the settings name. It is the only place that knows
// that there are two of each.
type seams struct {
	settings *settings.Settings
	logger   hclog.Logger
	metrics  *prometheus.Registry
	hints    hints.Hints
	memory   *resolve.Memory   // nil when Consul is the catalog
	peers    remote.Peers      // as the gateway; services have peersOf
	control  workload.Verifier // of services
	agents   workload.Verifier // of builds
	local    *workload.Local   // issuer of builds' identities; nil on Nomad
	// identity returns what gives a service of this process its own identity.
	identity func(service string) tokens
	keeper   secrets.Keeper // nil where secrets are a keyset
	sealer   secrets.Sealer
	signer   secrets.Signer
	modules  []module.Module // what the seams themselves have to run
	// tokenFile takes the first administrator's token where there is no Vault.
	tokenFile string
	// dev lets local repositories be built, which a server must not read.
	dev bool
}

// tokens returns a workload identity that is valid now.
type tokens = func(context.Context) (string, error)

// newSeams opens the seams that every service needs.
func newSeams(s *settings.Settings, logger hclog.Logger, tokenFile string) (*seams, error) {
	m := &seams{settings: s, logger: logger, tokenFile: tokenFile, metrics: prometheus.NewRegistry()}
	m.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, open := range []func() error{m.openHints, m.openCatalog, m.openWorkload, m.openSecrets} {
		if err := open(); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// openHints uses the database where it can notify. A process without a database
// of its own (the gateway) has nobody to hint to.
func (m *seams) openHints() error {
	if m.settings.Store.Driver != "postgres" || m.settings.Store.DSN == "none" {
		m.hints = hints.NewLocal()
		return nil
	}
	listener, err := hints.NewPostgres(m.settings.Store.DSN, m.logger.Named("hints"))
	if err != nil {
		return fmt.Errorf("opening hints: %w", err)
	}
	m.hints = listener
	m.modules = append(m.modules, module.Module{Name: "hints", Run: listener.Run})
	return nil
}

func (m *seams) openCatalog() error {
	if m.settings.Catalog.Driver == "memory" {
		m.memory = resolve.NewMemory()
		m.peers.Transport = m.memory.Transport()
		return nil
	}
	catalog, err := resolve.NewConsul(resolve.ConsulConfig{
		Address: m.settings.Catalog.Address, TokenFile: m.settings.Catalog.TokenFile, Logger: m.logger.Named("resolve"),
	})
	if err != nil {
		return fmt.Errorf("opening the catalog: %w", err)
	}
	m.peers.Transport = catalog.Transport()
	m.modules = append(m.modules, module.Module{Name: "catalog", Run: catalog.Run})
	return nil
}

// openWorkload decides how this process proves who it is, and how it checks
// others.
func (m *seams) openWorkload() error {
	s := m.settings.Workload
	if s.Driver == "local" {
		return m.openLocalWorkload(s)
	}
	verify := func(audience string) (workload.Verifier, error) {
		return workload.NewJWKS(workload.JWKSConfig{URL: s.JWKS, Audience: audience, Clock: time.Now})
	}
	var err error
	if m.control, err = verify(controlAudience); err != nil {
		return fmt.Errorf("checking services' identities: %w", err)
	}
	if m.agents, err = verify(wire.Audience); err != nil {
		return fmt.Errorf("checking builds' identities: %w", err)
	}
	// On Nomad a process has the one identity that its job was given.
	m.identity = func(string) tokens {
		return func(context.Context) (string, error) { return readToken(s.TokenFile) }
	}
	m.peers.Token = m.identity("gateway")
	return nil
}

func (m *seams) openLocalWorkload(s settings.Workload) error {
	control, err := workload.NewLocal(s.Dir, controlAudience, time.Now)
	if err != nil {
		return fmt.Errorf("opening the services' issuer: %w", err)
	}
	if m.local, err = workload.NewLocal(s.Dir, wire.Audience, time.Now); err != nil {
		return fmt.Errorf("opening the builds' issuer: %w", err)
	}
	m.control, m.agents = control, m.local
	m.identity = func(service string) tokens {
		token := renewed(func() (string, error) {
			return control.Issue(workload.Claims{JobID: service, AllocationID: "local", Task: "muster", Namespace: s.Namespace}, time.Hour)
		})
		return func(context.Context) (string, error) { return token() }
	}
	m.peers.Token = m.identity("gateway")
	return nil
}

// peersOf returns a service's way to the others, which know it by its name.
func (m *seams) peersOf(service string) remote.Peers {
	peers := m.peers
	peers.Token = m.identity(service)
	return peers
}

func (m *seams) openSecrets() error {
	s := m.settings.Secrets
	if s.Driver == "keyset" {
		keyset, err := secrets.NewKeyset(s.Dir)
		if err != nil {
			return fmt.Errorf("opening the keyset: %w", err)
		}
		m.sealer, m.signer = keyset, keyset
		return nil
	}
	vault, err := secrets.NewVault(secrets.VaultConfig{
		Address: s.Address, TokenFile: s.TokenFile, TransitMount: s.Transit, StoreMount: s.KV, Logger: m.logger.Named("secrets"),
	})
	if err != nil {
		return fmt.Errorf("opening Vault: %w", err)
	}
	m.sealer, m.signer, m.keeper = vault, vault, vault
	return nil
}

// database opens a service's own tables. Shape holds what the service knows of
// them; where they are is the settings'.
func (m *seams) database(service string, shape store.Config) (*store.DB, error) {
	shape.Driver, shape.DSN = m.settings.Store.Driver, m.settings.Store.DSN
	db, err := store.Open(context.Background(), shape, service)
	if err != nil {
		return nil, fmt.Errorf("opening the tables of %s: %w", service, err)
	}
	return db, nil
}

// bucket opens the object store.
func (m *seams) bucket() (*objects.Store, error) {
	bucket, err := objects.Open(context.Background(), m.settings.Objects.URL)
	if err != nil {
		return nil, fmt.Errorf("opening the bucket: %w", err)
	}
	return bucket, nil
}

// readToken reads a file that Nomad rewrites before the token in it ends.
func readToken(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("reading the token: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}
