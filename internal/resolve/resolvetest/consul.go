// SPDX-License-Identifier: MPL-2.0

package resolvetest

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// Consul is a small Consul: it answers blocking queries for healthy services,
// and can go away and come back with another history.
type Consul struct {
	t      testing.TB
	server *httptest.Server

	mu       sync.Mutex
	index    uint64
	away     bool
	services map[string][]string // addresses by service
	changed  chan struct{}       // closed and replaced at each change
	queries  int
	waiting  int
	restored int // how often; a query that waits looks whether it changed
}

// NewConsul starts a Consul without services.
func NewConsul(t testing.TB) *Consul {
	t.Helper()
	c := &Consul{t: t, index: 1, services: make(map[string][]string), changed: make(chan struct{})}
	c.server = httptest.NewServer(c)
	t.Cleanup(func() {
		c.server.CloseClientConnections()
		c.server.Close()
	})
	return c
}

// Address is what a client needs.
func (c *Consul) Address() string { return c.server.Listener.Addr().String() }

// Set says where the healthy instances of a service are.
func (c *Consul) Set(service string, addresses ...string) {
	c.change(func() { c.services[service] = addresses })
}

// Add and Remove change one instance.
func (c *Consul) Add(service, address string) {
	c.change(func() { c.services[service] = append(c.services[service], address) })
}

// Remove takes an instance away.
func (c *Consul) Remove(service, address string) {
	c.change(func() {
		var kept []string
		for _, a := range c.services[service] {
			if a != address {
				kept = append(kept, a)
			}
		}
		c.services[service] = kept
	})
}

// SetAway makes Consul fail all queries, also those that wait, or well again.
func (c *Consul) SetAway(away bool) { c.change(func() { c.away = away }) }

// Restore sets the index back and sends home the queries that wait, as Consul
// does when it is restored from a snapshot.
func (c *Consul) Restore() {
	c.change(func() {
		c.index = 0
		c.restored++
	})
}

// Queries returns how many queries came so far.
func (c *Consul) Queries() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.queries
}

// Waiting returns how many queries wait for a change now.
func (c *Consul) Waiting() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.waiting
}

func (c *Consul) change(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.index++
	f()
	if c.index == 0 {
		c.index = 1
	}
	close(c.changed)
	c.changed = make(chan struct{})
}

// ServeHTTP answers GET /v1/health/service/<name>.
func (c *Consul) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	service, ok := strings.CutPrefix(r.URL.Path, "/v1/health/service/")
	if !ok || !r.URL.Query().Has("passing") {
		c.t.Errorf("the small Consul does not know %s", r.URL)
	}
	known, _ := strconv.ParseUint(r.URL.Query().Get("index"), 10, 64)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.queries++
	// As in Consul, an index from the future waits like any other.
	restored := c.restored
	for known > 0 && c.index <= known && !c.away {
		changed := c.changed
		c.waiting++
		c.mu.Unlock()
		select {
		case <-changed:
		case <-r.Context().Done():
		}
		c.mu.Lock()
		c.waiting--
		if r.Context().Err() != nil {
			return
		}
		if c.restored != restored {
			break
		}
	}
	if c.away {
		http.Error(w, "No cluster leader", http.StatusInternalServerError)
		return
	}
	w.Header().Set("X-Consul-Index", strconv.FormatUint(c.index, 10))
	if err := json.NewEncoder(w).Encode(entries(c.t, c.services[service])); err != nil {
		c.t.Logf("answering a query: %v", err)
	}
}

func entries(t testing.TB, addresses []string) []any {
	found := []any{}
	for i, address := range addresses {
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			t.Errorf("%q: %v", address, err)
			continue
		}
		number, err := strconv.Atoi(port)
		if err != nil {
			t.Errorf("%q: %v", address, err)
			continue
		}
		// Every second instance has no address of its own but its node's.
		service := map[string]any{"Port": number, "Address": host}
		if i%2 == 1 {
			service["Address"] = ""
		}
		found = append(found, map[string]any{"Node": map[string]any{"Address": host}, "Service": service})
	}
	return found
}
