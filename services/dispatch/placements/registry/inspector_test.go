// SPDX-License-Identifier: MPL-2.0

package registry

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"

	"github.com/muster-ci/muster/internal/outbound"
	"github.com/muster-ci/muster/internal/testx"
)

func newInspector(t *testing.T, trusted ...string) (*Inspector, *testx.Clock) {
	t.Helper()
	clock := testx.NewClock(time.Unix(1_000_000, 0))
	i, err := NewInspector(InspectorConfig{Trusted: trusted, Timeout: time.Minute}, hclog.NewNullLogger(), clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	return i, clock
}

// TestFacts asks for an image with several platforms, twice, then for a new one
// under its name.
func TestFacts(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	config := map[string]any{"Entrypoint": []string{"/entry"}, "Cmd": []string{"serve"}, "Labels": map[string]string{"com.circleci.preserve-entrypoint": "true", "other": "x"}}
	digest := s.tag("team/app:1", s.index(runtime.GOARCH, s.image(config)))
	i, clock := newInspector(t, s.host)
	want := Facts{Digest: digest, Config: &Config{Entrypoint: []string{"/entry"}, Command: []string{"serve"}, Labels: map[string]string{"com.circleci.preserve-entrypoint": "true"}}}
	check := func(when string, heads, gets int) {
		t.Helper()
		got := i.Facts(t.Context(), s.host+"/team/app:1", nil)
		if got.Size < 2000 || got.Size > 3000 {
			t.Errorf("%s: the size is %d, want 2000 and the config", when, got.Size)
		}
		got.Size = 0
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", when, diff)
		}
		if h, g := s.count(); h != heads || g != gets {
			t.Errorf("%s: %d questions and %d fetches, want %d and %d", when, h, g, heads, gets)
		}
	}
	check("at first", 1, 3) // list, manifest, config
	check("at once again", 1, 3)
	clock.Advance(namesKept)
	check("a job later", 2, 3) // a digest that is known costs no fetch
	want.Digest = s.tag("team/app:1", s.image(config))
	clock.Advance(namesKept)
	check("with a new image", 3, 5)
	got := i.Facts(t.Context(), s.host+"/team/app:9@"+want.Digest, nil)
	if got.Digest != want.Digest {
		t.Errorf("by digest: got %+v", got)
	}
}

func TestALoginIsUsed(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	s.login, s.tokenURL = "ann:secret", "http://"+s.host+"/token"
	digest := s.tag("team/app:1", s.image(nil))
	i, clock := newInspector(t, s.host)
	good, bad := &Login{Server: s.host, Username: "ann", Password: "secret"}, &Login{Server: s.host, Username: "ann", Password: "wrong"}
	if got := i.Facts(t.Context(), s.host+"/team/app:1", good); got.Digest != digest || got.Unknown != "" {
		t.Errorf("with the login: got %+v", got)
	}
	for who, login := range map[string]*Login{"a wrong login": bad, "none": nil} {
		if got := i.Facts(t.Context(), s.host+"/team/app:1", login); got.Digest != "" || !strings.Contains(got.Unknown, "not for this job") {
			t.Errorf("with %s: got %+v", who, got)
		}
	}
	clock.Advance(namesKept)
	i.Facts(t.Context(), s.host+"/team/app:1", good)
	if s.bearers != 1 {
		t.Errorf("%d tokens were asked for, want 1", s.bearers)
	}
}

// TestWhatRegistriesDoWrong has each way to fail end in a job that starts
// without the facts, and says whether the registry is asked again soon.
func TestWhatRegistriesDoWrong(t *testing.T) {
	t.Parallel()
	status := func(code int, header ...string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, _ *http.Request) bool {
			if len(header) == 2 {
				w.Header().Set(header[0], header[1])
			}
			w.WriteHeader(code)
			return true
		}
	}
	onGet := func(answer func(http.ResponseWriter, *http.Request) bool) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool { return r.Method == http.MethodGet && answer(w, r) }
	}
	text := func(text string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, _ *http.Request) bool { fmt.Fprint(w, text); return true }
	}
	for name, tt := range map[string]struct {
		disturb func(http.ResponseWriter, *http.Request) bool
		image   string
		digest  bool // is known even so
		why     string
		rests   bool
	}{
		"not there":              {image: "team/none:1", why: "does not have it"},
		"forbidden":              {disturb: status(403), why: "not for this job"},
		"no answer":              {disturb: status(503), why: "does not answer", rests: true},
		"too many questions":     {disturb: status(429, "Retry-After", "60"), why: "rate limit", rests: true},
		"a page of a proxy":      {disturb: text("<html>"), why: "cannot be used"},
		"an empty answer":        {disturb: status(200), why: "cannot be used"},
		"another content":        {disturb: onGet(text(`{"schemaVersion":2}`)), digest: true, why: "cannot be used"},
		"no manifest after all":  {disturb: onGet(status(404)), digest: true, why: "does not have it"},
		"down in the middle":     {disturb: onGet(status(500)), digest: true, why: "does not answer", rests: true},
		"none for the platform":  {image: "team/foreign:1", digest: true, why: "no variant"},
		"no image at all":        {image: "team/chart:1", digest: true, why: "cannot be used"},
		"elsewhere":              {disturb: status(307, "Location", "http://192.0.2.1/v2/"), why: "does not ask", rests: true},
		"a token from elsewhere": {disturb: status(401, "WWW-Authenticate", `Bearer realm="http://192.0.2.1/latest/meta-data"`), why: "does not ask", rests: true},
		"a connection that breaks": {disturb: func(w http.ResponseWriter, _ *http.Request) bool {
			conn, _, _ := w.(http.Hijacker).Hijack()
			conn.Close()
			return true
		}, why: "does not answer", rests: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStore(t)
			digests := map[string]string{
				"team/app:1":     s.tag("team/app:1", s.image(nil)),
				"team/foreign:1": s.tag("team/foreign:1", s.index("riscy", s.image(nil))),
				"team/chart:1":   s.tag("team/chart:1", s.put(typeManifest, map[string]any{"schemaVersion": 2})),
			}
			if tt.image == "" {
				tt.image = "team/app:1"
			}
			var asked atomic.Int64
			s.disturb = func(w http.ResponseWriter, r *http.Request) bool {
				asked.Add(1)
				return tt.disturb != nil && tt.disturb(w, r)
			}
			i, clock := newInspector(t, s.host)
			want := ""
			if tt.digest {
				want = digests[tt.image]
			}
			got := i.Facts(t.Context(), s.host+"/"+tt.image, nil)
			if got.Digest != want || got.Size != 0 || !strings.Contains(got.Unknown, tt.why) {
				t.Errorf("got %+v, want digest %q and %q", got, want, tt.why)
			}
			before := asked.Load()
			if other := i.Facts(t.Context(), s.host+"/team/other:1", nil); (asked.Load() == before) != tt.rests {
				t.Errorf("asked %d times more for another image (%+v), want rest: %v", asked.Load()-before, other, tt.rests)
			}
			before = asked.Load()
			clock.Advance(mostRest)
			if i.Facts(t.Context(), s.host+"/team/third:1", nil); asked.Load() == before {
				t.Error("the registry is never asked again")
			}
		})
	}
}

// TestASlowRegistryHoldsUpOneJob has the first give up and the next not ask.
func TestASlowRegistryHoldsUpOneJob(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	asked := make(chan struct{}, 10)
	s.disturb = func(_ http.ResponseWriter, r *http.Request) bool {
		asked <- struct{}{}
		<-r.Context().Done()
		return true
	}
	clock := testx.NewClock(time.Unix(1_000_000, 0))
	i, err := NewInspector(InspectorConfig{Trusted: []string{s.host}, Timeout: time.Millisecond}, hclog.NewNullLogger(), clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if got := i.Facts(t.Context(), s.host+"/team/app:1", nil); !strings.Contains(got.Unknown, "does not answer") {
			t.Errorf("got %+v", got)
		}
	}
	if len(asked) > 1 {
		t.Errorf("it was asked %d times, want once at most", len(asked))
	}
	// The rest grows while it does not answer, and ends with an answer.
	domain, _, _ := strings.Cut(s.host+"/x", "/")
	clock.Advance(leastRest)
	i.Facts(t.Context(), s.host+"/team/app:1", nil)
	if h, _ := i.hosts.Get(domain); h.wait != 2*leastRest {
		t.Errorf("the second rest is %s", h.wait)
	}
}

// TestOurOwnMachineIsNotAsked names loopback, the address of clouds' metadata
// and one that resolves to loopback: none of them hears of it.
func TestOurOwnMachineIsNotAsked(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	s.tag("team/app:1", s.image(nil))
	i, _ := newInspector(t)
	_, port, err := net.SplitHostPort(s.host)
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{s.host, "localhost:" + port, "169.254.169.254", "0.0.0.0:" + port} {
		if got := i.Facts(t.Context(), host+"/team/app:1", nil); got.Digest != "" || !strings.Contains(got.Unknown, "does not ask") {
			t.Errorf("%s: got %+v", host, got)
		}
	}
	if heads, gets := s.count(); heads+gets != 0 {
		t.Error("our own machine was asked")
	}
	if got := i.Facts(t.Context(), "Not A Name", nil); !strings.Contains(got.Unknown, "cannot be read") {
		t.Errorf("got %+v", got)
	}
	for _, bad := range []string{"https://a.example", "a.example/path", "plain"} {
		if _, err := NewInspector(InspectorConfig{Trusted: []string{bad}}, hclog.NewNullLogger(), time.Now); err == nil {
			t.Errorf("%q is taken as a trusted host", bad)
		}
	}
}

// TestGuard lets a registry lead elsewhere with encryption only.
func TestGuard(t *testing.T) {
	t.Parallel()
	var went []string
	g := &guard{host: "a.example:5000", next: roundTrip(func(r *http.Request) (*http.Response, error) {
		went = append(went, r.URL.String())
		return &http.Response{StatusCode: 200, Body: http.NoBody}, nil
	})}
	for _, plain := range []bool{false, true} {
		g.plain = plain
		for _, to := range []string{"https://a.example:5000/x", "https://b.example/x", "http://a.example:5000/x", "http://b.example/x", "http://a.example/x"} {
			u, _ := url.Parse(to)
			response, err := g.RoundTrip(&http.Request{URL: u})
			if err == nil {
				response.Body.Close()
			} else if !errors.Is(err, errDetour) {
				t.Errorf("%s: got %v", to, err)
			}
		}
	}
	want := []string{"https://a.example:5000/x", "https://b.example/x", "https://a.example:5000/x", "https://b.example/x", "http://a.example:5000/x"}
	if diff := cmp.Diff(want, went); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if why := troubleOf(fmt.Errorf("x: %w", outbound.ErrForbidden)); !why.lasting || !why.host {
		t.Errorf("a forbidden address: got %+v", why)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
