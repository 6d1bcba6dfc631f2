// SPDX-License-Identifier: MPL-2.0

package output

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/remote"
	"github.com/muster-ci/muster/internal/resolve"
	"github.com/muster-ci/muster/internal/resolve/resolvetest"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/store/storetest"
	"github.com/muster-ci/muster/internal/wire"
)

// another starts one more instance on the harness's database and bucket.
func (h *harness) another() *harness {
	h.t.Helper()
	b := &harness{t: h.t, open: h.open, cfg: h.cfg, placements: h.placements, results: h.results, tokens: h.tokens,
		issuer: h.issuer, objects: h.objects, sealer: h.sealer, hints: h.hints}
	b.clock.Store(h.clock.Load())
	b.handler.Store(http.HandlerFunc(http.NotFound))
	b.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.handler.Load().(http.HandlerFunc)(w, r)
	}))
	b.start()
	h.t.Cleanup(func() {
		b.kill()
		b.server.Close()
	})
	return b
}

// balancer stands before instances, as the one address that agents know; requests
// go to the one at place.
func balancer(t *testing.T, place *atomic.Int64, instances []*harness) string {
	t.Helper()
	server := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: "http", Host: instances[place.Load()].server.Listener.Addr().String()})
	}})
	t.Cleanup(server.Close)
	return server.URL
}

// gateway is what the gateway calls output with, over a catalog of all instances.
func gateway(t *testing.T, instances []*harness) *remote.SSHPlaces {
	t.Helper()
	registered := resolvetest.NewConsul(t)
	var addresses []string
	for _, i := range instances {
		addresses = append(addresses, i.server.Listener.Addr().String())
	}
	registered.Set("output", addresses...)
	catalog, err := resolve.NewConsul(resolve.ConsulConfig{Address: registered.Address()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- catalog.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return remote.Peers{Transport: catalog.Transport(), Token: func(context.Context) (string, error) { return "gateway", nil }}.SSHPlaces()
}

// TestLoginsThroughAnyInstance: agents that know one address, behind which several
// instances are, can be logged in to whichever of them has their connection.
func TestLoginsThroughAnyInstance(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "output", func(t *testing.T, open func() *store.DB) {
		h := newHarness(t, open, Config{})
		instances := []*harness{h, h.another(), h.another()}
		var place atomic.Int64
		own := h.server.URL
		h.server.URL = balancer(t, &place, instances)
		defer func() { h.server.URL = own }()
		var agents []*agent
		for i := range instances {
			place.Store(int64(i))
			a := h.claimedFor(func(s *core.TaskSpec) { s.SSH = &core.SSHAccess{User: "ada"} })
			a.tell(wire.Event{Type: wire.SSHReady, HostKey: "ssh-ed25519 AAAA"})
			a.tunnel()
			agents = append(agents, a)
		}
		h.server.URL = own
		places := gateway(t, instances)
		var calls sync.WaitGroup
		for n := range 30 { // at once, so that none finds its instance by turns
			a := agents[n%len(agents)]
			calls.Go(func() {
				if err := answers(places, core.SSHCall{Attempt: a.id, User: "ada", Remote: "192.0.2.7"}); err != nil {
					t.Errorf("the agent of instance %d: %v", n%len(agents), err)
				}
			})
		}
		calls.Wait()
		_, err := places.CallSSH(t.Context(), core.SSHCall{Attempt: agents[0].id, User: "bob"})
		if core.ErrorCode(err) != core.CodeForbidden {
			t.Errorf("another user: got %v", err)
		}
		instances[1].kill()
		instances[1].server.CloseClientConnections()
		_, err = places.CallSSH(t.Context(), core.SSHCall{Attempt: agents[1].id, User: "ada"})
		if core.ErrorCode(err) != core.CodeUnavailable {
			t.Errorf("while the agent's instance is down: got %v", err)
		}
		place.Store(2)
		h.server.URL = balancer(t, &place, instances)
		agents[1].tunnel() // as an agent does whose connection broke
		if err := answers(places, core.SSHCall{Attempt: agents[1].id, User: "ada", Remote: "192.0.2.7"}); err != nil {
			t.Errorf("after the agent came back elsewhere: %v", err)
		}
	})
}

// answers connects and has the agent's echo say who came.
func answers(places *remote.SSHPlaces, call core.SSHCall) error {
	conn, err := places.CallSSH(context.Background(), call)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "hello\n"); err != nil {
		return err
	}
	lines := bufio.NewScanner(conn)
	for _, want := range []string{"from 192.0.2.7", "hello"} {
		if !lines.Scan() || lines.Text() != want {
			return fmt.Errorf("got %q, %w, want %q", lines.Text(), lines.Err(), want)
		}
	}
	return nil
}
