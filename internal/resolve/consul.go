// SPDX-License-Identifier: MPL-2.0

package resolve

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/hashicorp/consul/api"
	"github.com/hashicorp/go-hclog"

	"github.com/muster-ci/muster/core"
)

// ConsulConfig says where Consul is.
type ConsulConfig struct {
	// Address of the agent, "127.0.0.1:8500" or "unix:///consul.sock"; "" is
	// CONSUL_HTTP_ADDR. TLS settings come from the environment as for Consul's
	// own tools.
	Address string
	// Token, or TokenFile that holds it (read once), for an ACL that can read
	// services and nodes.
	Token     string
	TokenFile string
	// Prefix stands before the name of a service in Consul: with "muster-" the
	// service queue is registered as "muster-queue".
	Prefix string
	Logger hclog.Logger
	// Clock; nil is the system's.
	Clock core.Clock
}

const (
	dialTimeout = 2 * time.Second
	// firstAnswer is how long the first request to a service waits for Consul.
	firstAnswer = 5 * time.Second
	// maxServices bounds the watches; the names come from our own code, of
	// which there are some twenty.
	maxServices = 256
)

// Consul is the catalog of services that are registered in Consul. A service is
// watched from the first request to it on, by Run. What was seen last stays in
// use while Consul is away.
type Consul struct {
	client    *api.Client
	prefix    string
	logger    hclog.Logger
	clock     core.Clock
	transport *http.Transport
	// wanted brings services to Run; its capacity is maxServices, so that a
	// send never waits.
	wanted chan *service

	mu       sync.Mutex
	services map[string]*service
}

// NewConsul makes the catalog; nothing is asked before Run.
func NewConsul(cfg ConsulConfig) (*Consul, error) {
	settings := api.DefaultConfig()
	if cfg.Address != "" {
		settings.Address = cfg.Address
	}
	if cfg.Token != "" {
		settings.Token = cfg.Token
	}
	if cfg.TokenFile != "" {
		settings.TokenFile = cfg.TokenFile
	}
	client, err := api.NewClient(settings)
	if err != nil {
		return nil, fmt.Errorf("making a Consul client: %w", err)
	}
	if cfg.Logger == nil {
		cfg.Logger = hclog.NewNullLogger()
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	return &Consul{
		client: client, prefix: cfg.Prefix, logger: cfg.Logger, clock: cfg.Clock,
		transport: &http.Transport{
			DialContext:           (&net.Dialer{Timeout: dialTimeout, KeepAlive: 15 * time.Second}).DialContext,
			MaxIdleConnsPerHost:   idlePerService,
			IdleConnTimeout:       time.Minute,
			ExpectContinueTimeout: time.Second,
		},
		wanted:   make(chan *service, maxServices),
		services: make(map[string]*service),
	}, nil
}

// Run watches the services that are asked for until ctx ends.
func (c *Consul) Run(ctx context.Context) error {
	var watches sync.WaitGroup
	defer c.transport.CloseIdleConnections()
	defer watches.Wait()
	for {
		select {
		case <-ctx.Done():
			return nil
		case s := <-c.wanted:
			watches.Go(func() { c.watch(ctx, s) })
		}
	}
}

// Transport implements Catalog.
func (c *Consul) Transport() http.RoundTripper { return c }

// RoundTrip implements http.RoundTripper: it sends the request to an instance
// of the service, and to another one when no connection can be made.
func (c *Consul) RoundTrip(request *http.Request) (*http.Response, error) {
	name, err := serviceOf(request)
	if err != nil {
		closeBody(request)
		return nil, err
	}
	s, err := c.service(request.Context(), name)
	if err != nil {
		closeBody(request)
		return nil, err
	}
	return c.send(request, s)
}

// service returns a service about which Consul has been heard at least once.
func (c *Consul) service(ctx context.Context, name string) (*service, error) {
	c.mu.Lock()
	s, ok := c.services[name]
	if !ok && len(c.services) < maxServices {
		s = newService(name)
		c.services[name] = s
		c.wanted <- s
	}
	c.mu.Unlock()
	if s == nil {
		return nil, noInstance(name, fmt.Errorf("%d services are watched already", maxServices))
	}
	select { // spares the timer for all but the first requests
	case <-s.heard:
		return s, nil
	default:
	}
	timer := time.NewTimer(firstAnswer)
	defer timer.Stop()
	select {
	case <-s.heard:
		return s, nil
	case <-ctx.Done():
		return nil, noInstance(name, ctx.Err())
	case <-timer.C:
		return nil, noInstance(name, fmt.Errorf("Consul has not answered within %s", firstAnswer))
	}
}
