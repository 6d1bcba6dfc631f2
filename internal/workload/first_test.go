// SPDX-License-Identifier: MPL-2.0

package workload_test

import (
	"net/http"
	"runtime"
	"sync"
	"testing"

	"github.com/muster-ci/muster/internal/testx"
	"github.com/muster-ci/muster/internal/workload"
	"github.com/muster-ci/muster/internal/workload/workloadtest"
)

// gate is a transport that tells when a request begins and holds it back.
type gate struct {
	http.RoundTripper
	began, open chan struct{}
}

func (g gate) RoundTrip(r *http.Request) (*http.Response, error) {
	g.began <- struct{}{}
	<-g.open
	return g.RoundTripper.RoundTrip(r)
}

// TestFirstTokensAtOnce asks that those who come while the keys are fetched for
// the first time wait for them, and are not told that there are none.
func TestFirstTokensAtOnce(t *testing.T) {
	t.Parallel()
	issuer, clock := workloadtest.NewIssuer(t), testx.NewClock(workloadtest.Start)
	g := gate{issuer.Client().Transport, make(chan struct{}, 1), make(chan struct{})}
	v := newJWKS(t, issuer, clock, func(c *workload.JWKSConfig) { c.HTTPClient = &http.Client{Transport: g} })
	token := issuer.Sign(workloadtest.Claims())
	var all, asking sync.WaitGroup
	all.Go(func() { accepted(t, v, token) })
	<-g.began
	for range 50 {
		asking.Add(1)
		all.Go(func() {
			asking.Done()
			accepted(t, v, token)
		})
	}
	asking.Wait()
	for range 1000 {
		runtime.Gosched() // lets them get as far as waiting
	}
	close(g.open)
	all.Wait()
	if n := issuer.Fetches(); n != 1 {
		t.Errorf("fetched %d times, want once", n)
	}
}
