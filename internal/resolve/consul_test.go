// SPDX-License-Identifier: MPL-2.0

package resolve_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/resolve"
	"github.com/muster-ci/muster/internal/resolve/resolvetest"
	"github.com/muster-ci/muster/internal/testx"
)

// runConsul makes a catalog and runs it until the test ends.
func runConsul(t *testing.T, address string) *resolve.Consul {
	t.Helper()
	return runConsulWith(t, resolve.ConsulConfig{Address: address, Prefix: "muster-"})
}

func runConsulWith(t *testing.T, cfg resolve.ConsulConfig) *resolve.Consul {
	t.Helper()
	c, err := resolve.NewConsul(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- c.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("running the catalog: %v", err)
		}
	})
	return c
}

// instance answers on a port of its own until stop is called.
func instance(t *testing.T, handler http.Handler) (address string, stop func()) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.Listener.Addr().String(), func() {
		server.CloseClientConnections()
		server.Close()
	}
}

func TestConsulConformance(t *testing.T) {
	t.Parallel()
	resolvetest.Run(t, func(t *testing.T) resolvetest.Setup {
		small := resolvetest.NewConsul(t)
		c := runConsul(t, small.Address())
		return resolvetest.Setup{Catalog: c, Start: func(service string, handler http.Handler) func() {
			address, stop := instance(t, handler)
			small.Add("muster-"+service, address)
			return func() {
				stop()
				small.Remove("muster-"+service, address)
			}
		}}
	})
}

// TestRealConsulConformance registers instances with a real agent, under names
// of their own for each part of the suite.
func TestRealConsulConformance(t *testing.T) {
	t.Parallel()
	address := testx.Consul(t)
	var suites atomic.Int64
	resolvetest.Run(t, func(t *testing.T) resolvetest.Setup {
		prefix := fmt.Sprintf("muster-%d-", suites.Add(1))
		c := runConsulWith(t, resolve.ConsulConfig{Address: address, Prefix: prefix})
		return resolvetest.Setup{Catalog: c, Start: func(service string, handler http.Handler) func() {
			at, stop := instance(t, handler)
			register(t, address, prefix+service, at)
			return func() {
				stop()
				agent(t, address, "deregister/"+at, nil)
			}
		}}
	})
}

func register(t *testing.T, consul, service, at string) {
	t.Helper()
	host, port, err := net.SplitHostPort(at)
	if err != nil {
		t.Fatal(err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	agent(t, consul, "register", map[string]any{
		"ID": at, "Name": service, "Address": host, "Port": number,
		"Check": map[string]string{"TTL": "1h", "Status": "passing"},
	})
}

func agent(t *testing.T, consul, what string, body any) {
	t.Helper()
	content, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(context.Background(), http.MethodPut, "http://"+consul+"/v1/agent/service/"+what, bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		message, _ := io.ReadAll(response.Body)
		t.Fatalf("%s: %s %s", what, response.Status, message)
	}
}

func named(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprint(w, name, string(body))
	})
}

// call posts content to the queue, or gets "", and returns the answer.
func call(t *testing.T, c resolve.Catalog, content string) (string, error) {
	t.Helper()
	if content == "" {
		return callWith(t, c, nil)
	}
	return callWith(t, c, strings.NewReader(content))
}

func callWith(t *testing.T, c resolve.Catalog, content io.Reader) (string, error) {
	t.Helper()
	method := http.MethodPost
	if content == nil {
		method = http.MethodGet // which net/http sends again if a kept connection is dead
	}
	request, err := http.NewRequestWithContext(t.Context(), method, "http://queue.muster/", content)
	if err != nil {
		t.Fatal(err)
	}
	response, err := c.Transport().RoundTrip(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return string(body), err
}

func mustCall(t *testing.T, c resolve.Catalog, content string) string {
	t.Helper()
	answer, err := call(t, c, content)
	if err != nil {
		t.Errorf("calling: %v", err)
	}
	return answer
}

func TestConsulTakesTurns(t *testing.T) {
	t.Parallel()
	small := resolvetest.NewConsul(t)
	for _, name := range []string{"a", "b", "c"} {
		address, _ := instance(t, named(name))
		small.Add("muster-queue", address)
	}
	c := runConsul(t, small.Address())
	got := make(map[string]int)
	for range 30 {
		got[mustCall(t, c, "")]++
	}
	if got["a"] != 10 || got["b"] != 10 || got["c"] != 10 {
		t.Errorf("got %v, want ten calls each", got)
	}
}

// TestConsulGoesRoundADeadInstance: Consul still says that it is healthy.
func TestConsulGoesRoundADeadInstance(t *testing.T) {
	t.Parallel()
	small := resolvetest.NewConsul(t)
	alive, stop := instance(t, named("alive"))
	dead, kill := instance(t, named("dead"))
	kill()
	small.Set("muster-queue", dead, alive)
	// Each look at the clock is a minute later, so that the dead one is tried
	// again and again.
	var minutes atomic.Int64
	start := time.Now()
	c := runConsulWith(t, resolve.ConsulConfig{Address: small.Address(), Prefix: "muster-", Clock: func() time.Time {
		return start.Add(time.Duration(minutes.Add(1)) * time.Minute)
	}})
	for range 10 {
		if got := mustCall(t, c, "+body"); got != "alive+body" {
			t.Errorf("got %q", got)
		}
		// This body cannot be had a second time.
		if got, err := callWith(t, c, io.MultiReader(strings.NewReader("+once"))); got != "alive+once" {
			t.Errorf("got %q, %v", got, err)
		}
	}
	stop()
	if _, err := call(t, c, ""); core.ErrorCode(err) != core.CodeUnavailable {
		t.Errorf("with all dead: got %v, want unavailable", err)
	}
}

// TestConsulAway: known services go on, unknown ones are unavailable, and
// changes are seen on return, also if Consul has lost its history.
func TestConsulAway(t *testing.T) {
	t.Parallel()
	small := resolvetest.NewConsul(t)
	first, stop := instance(t, named("first"))
	for range 50 { // a long history
		small.Set("muster-queue", first)
	}
	c := runConsul(t, small.Address())
	mustCall(t, c, "")
	small.SetAway(true)
	before := small.Queries()
	resolvetest.Await(t, "the watch has noticed", func() bool {
		if got := mustCall(t, c, ""); got != "first" {
			t.Errorf("got %q while Consul is away", got)
		}
		return small.Queries() >= before+2
	})
	second, _ := instance(t, named("second"))
	small.Set("muster-queue", second)
	small.Restore()
	stop()
	small.SetAway(false)
	answers(t, c, "second")
	// The index begins anew while a query waits.
	resolvetest.Await(t, "the watch waits", func() bool { return small.Waiting() > 0 })
	small.Restore()
	third, _ := instance(t, named("third"))
	small.Set("muster-queue", third)
	answers(t, c, "third")
}

// TestConsulBackWithoutHealth: an agent that was started again counts all
// instances as ill at first. What was known goes on until that has lasted.
func TestConsulBackWithoutHealth(t *testing.T) {
	t.Parallel()
	small := resolvetest.NewConsul(t)
	first, _ := instance(t, named("first"))
	small.Set("muster-queue", first)
	var later atomic.Int64
	c := runConsulWith(t, resolve.ConsulConfig{Address: small.Address(), Prefix: "muster-",
		Clock: func() time.Time { return time.Now().Add(time.Duration(later.Load())) }})
	mustCall(t, c, "")
	small.SetAway(true)
	before := small.Queries()
	resolvetest.Await(t, "the watch has noticed", func() bool { return small.Queries() >= before+2 })
	small.Set("muster-queue")
	small.SetAway(false)
	resolvetest.Await(t, "the watch waits for news", func() bool { return small.Waiting() > 0 })
	if got := mustCall(t, c, ""); got != "first" {
		t.Errorf("got %q from a Consul that has just come back, want the instance that was known", got)
	}
	later.Store(int64(time.Minute))
	small.Set("muster-queue") // Consul still says so
	resolvetest.Await(t, "Consul is believed", func() bool {
		_, err := call(t, c, "")
		return core.ErrorCode(err) == core.CodeUnavailable
	})
}

// answers waits until the catalog leads to the instance of that name.
func answers(t *testing.T, c resolve.Catalog, want string) {
	t.Helper()
	resolvetest.Await(t, want+" answers", func() bool {
		got, err := call(t, c, "")
		if err != nil && core.ErrorCode(err) != core.CodeUnavailable {
			t.Fatalf("calling: %v", err)
		}
		return got == want
	})
}

// TestConsulNotThere has the first question end with the caller's patience.
func TestConsulNotThere(t *testing.T) {
	t.Parallel()
	small := resolvetest.NewConsul(t)
	small.SetAway(true)
	c := runConsul(t, small.Address())
	ctx, cancel := context.WithCancel(t.Context())
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://queue.muster/", nil)
	if err != nil {
		t.Fatal(err)
	}
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		if _, err := c.Transport().RoundTrip(request); core.ErrorCode(err) != core.CodeUnavailable {
			t.Errorf("got %v, want unavailable", err)
		}
	}()
	resolvetest.Await(t, "Consul was asked", func() bool { return small.Queries() > 0 })
	cancel()
	<-asked
}

func TestConsulLeavesNothing(t *testing.T) {
	testx.NoLeaks(t)
	small := resolvetest.NewConsul(t)
	address, _ := instance(t, named("a"))
	small.Set("muster-queue", address)
	mustCall(t, runConsul(t, small.Address()), "")
}
