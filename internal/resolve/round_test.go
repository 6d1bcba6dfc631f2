// SPDX-License-Identifier: MPL-2.0

package resolve_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/resolve"
	"github.com/muster-ci/muster/internal/resolve/resolvetest"
)

func ask(ctx context.Context, catalog resolve.Catalog, service string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+service+".muster/", nil)
	if err != nil {
		return "", err
	}
	response, err := catalog.Transport().RoundTrip(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return string(body), err
}

// TestARoundAsksEachInstanceOnce: whatever others ask meanwhile, and past those
// that are down.
func TestARoundAsksEachInstanceOnce(t *testing.T) {
	t.Parallel()
	const up = 12
	small := resolvetest.NewConsul(t)
	for n := range up {
		address, _ := instance(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, n) }))
		small.Add("muster-output", address)
	}
	for range 2 {
		address, stop := instance(t, http.NotFoundHandler())
		small.Add("muster-output", address)
		stop()
	}
	c := runConsul(t, small.Address())
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			seen := map[string]bool{}
			walk := resolve.EachOnce(context.Background())
			for {
				said, err := ask(walk, c, "output")
				if err != nil {
					if core.ErrorCode(err) != core.CodeUnavailable || len(seen) != up {
						t.Errorf("after %d instances: %v", len(seen), err)
					}
					return
				}
				if seen[said] {
					t.Errorf("instance %s was asked twice", said)
					return
				}
				seen[said] = true
			}
		})
	}
	all.Wait()
	if _, err := ask(context.Background(), c, "output"); err != nil {
		t.Errorf("a request of no round: %v", err)
	}
}

func TestARoundInOneProcess(t *testing.T) {
	t.Parallel()
	m := resolve.NewMemory()
	l, err := m.Listen("output")
	if err != nil {
		t.Fatal(err)
	}
	defer serve(t, l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "it") }))()
	walk := resolve.EachOnce(context.Background())
	if said, err := ask(walk, m, "output"); said != "it" || err != nil {
		t.Fatalf("got %q, %v", said, err)
	}
	if said, err := ask(walk, m, "output"); core.ErrorCode(err) != core.CodeUnavailable {
		t.Errorf("the only instance again: got %q, %v", said, err)
	}
}
