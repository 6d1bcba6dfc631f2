// SPDX-License-Identifier: MPL-2.0

package orbs

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/store/storetest"
	"github.com/muster-ci/muster/internal/testx"
)

// site is a web server with orbs on it. What is served under a path may change.
type site struct {
	*httptest.Server
	asked atomic.Int64

	mu    sync.Mutex
	pages map[string]http.HandlerFunc
}

func newSite(t testing.TB) *site {
	t.Helper()
	s := &site{pages: map[string]http.HandlerFunc{}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked.Add(1)
		s.mu.Lock()
		page := s.pages[r.URL.Path]
		s.mu.Unlock()
		if page == nil {
			http.NotFound(w, r)
			return
		}
		page(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *site) serve(path, text string) {
	s.on(path, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text)) })
}

func (s *site) on(path string, page http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pages[path] = page
}

// fetching returns a service that may reach this machine, with the prefix
// /ours/ of a site allowed for acme.
func fetching(t testing.TB, db *store.DB, web *site) (*Service, *testx.Clock) {
	t.Helper()
	s, h := made(t, db, func(c *Config, _ *Deps) {
		c.URLLoopback, c.MaxSourceBytes, c.URLTimeout = true, 10_000, "2s"
	})
	t.Cleanup(s.client.CloseIdleConnections)
	must(s.AddOrbPrefix(context.Background(), core.OrbPrefix{OrganizationID: acme, Name: "ours", Prefix: web.URL + "/ours/"}))
	return s, h
}

func TestURLOrbs(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "orbs", func(t *testing.T, open func() *store.DB) {
		ctx, web := t.Context(), newSite(t)
		s, clock := fetching(t, open(), web)
		web.serve("/ours/hi.yml", greeter("one"))
		ref := core.ResolveOrbRequest{Ref: web.URL + "/ours/hi.yml", OrganizationID: acme}
		first := must(s.ResolveOrb(ctx, ref))
		if first.Source != greeter("one") || first.Version != "" || first.Ref != ref.Ref || first.Digest != digestOf(first.Source) {
			t.Errorf("got %+v", first)
		}
		web.serve("/ours/hi.yml", greeter("two"))
		if again := must(s.ResolveOrb(ctx, ref)); again != first || web.asked.Load() != 1 {
			t.Errorf("at once again: got %+v after %d requests, want what is kept", again, web.asked.Load())
		}
		clock.Advance(2 * time.Minute)
		if moved := must(s.ResolveOrb(ctx, ref)); moved.Source != greeter("two") {
			t.Errorf("later: got %+v", moved)
		}
		ref.Digest = first.Digest
		clock.Advance(24 * time.Hour)
		sweep(t, s)
		if locked := must(s.ResolveOrb(ctx, ref)); locked != first || web.asked.Load() != 2 {
			t.Errorf("locked: got %+v after %d requests, want the first", locked, web.asked.Load())
		}
		_, err := s.ResolveOrb(ctx, core.ResolveOrbRequest{Ref: ref.Ref, OrganizationID: other, Digest: first.Digest})
		refused(t, err, core.CodeForbidden, "is not allowed")

		clock.Advance(40 * 24 * time.Hour)
		sweep(t, s)
		_, err = s.ResolveOrb(ctx, ref)
		refused(t, err, core.CodeNotFound, "no longer kept, and its address has another one now")
		ref.Digest = digestOf(greeter("two")) // not kept either, but still what is there
		if got := must(s.ResolveOrb(ctx, ref)); got.Source != greeter("two") {
			t.Errorf("got %+v", got)
		}
		for _, p := range must(s.ListOrbPrefixes(ctx, acme)) {
			if err := s.RemoveOrbPrefix(ctx, p); err != nil {
				t.Fatal(err)
			}
		}
		_, err = s.ResolveOrb(ctx, ref)
		refused(t, err, core.CodeForbidden, "is not allowed")
	})
}

func TestWhatIsNotFetched(t *testing.T) {
	t.Parallel()
	ctx, web := t.Context(), newSite(t)
	s, _ := fetching(t, storetest.Open(t, "orbs"), web)
	elsewhere := newSite(t)
	elsewhere.serve("/x", greeter("elsewhere"))
	web.serve("/theirs/x", greeter("theirs"))
	redirect := func(from, to string) {
		web.on(from, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusFound) })
	}
	redirect("/ours/away", elsewhere.URL+"/x")
	redirect("/ours/beside", "/theirs/x")
	redirect("/ours/up", "/ours/../theirs/x")
	redirect("/ours/loop", "/ours/loop")
	redirect("/ours/ftp", "ftp://127.0.0.1/ours/x")
	web.on("/ours/nowhere", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusFound) })
	web.on("/ours/broken", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	web.on("/ours/locked", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) })
	web.serve("/ours/large", strings.Repeat("#", 10_001))
	web.serve("/ours/bytes", "version: 2.1\n# \xff\n")
	web.serve("/ours/page", "<html></html>")
	for path, want := range map[string]struct {
		code core.Code
		part string
	}{
		"/ours/away":         {core.CodeForbidden, "leads on to " + elsewhere.URL + "/x, which no entry"},
		"/ours/beside":       {core.CodeForbidden, "leads on to"},
		"/ours/up":           {core.CodeForbidden, "leads on to"},
		"/ours/loop":         {core.CodeInvalid, "leads on more than 5 times"},
		"/ours/ftp":          {core.CodeInvalid, "does not begin with https://"},
		"/ours/nowhere":      {core.CodeNotFound, "does not say where to"},
		"/ours/broken":       {core.CodeUnavailable, "cannot be fetched just now"},
		"/ours/locked":       {core.CodeNotFound, "the server answered 401 Unauthorized"},
		"/ours/absent":       {core.CodeNotFound, "the server answered 404 Not Found"},
		"/ours/large":        {core.CodeInvalid, "more than 10000 bytes"},
		"/ours/bytes":        {core.CodeInvalid, "not text in UTF-8"},
		"/ours/page":         {core.CodeInvalid, "The source is not an orb"},
		"/theirs/x":          {core.CodeForbidden, "is not allowed"},
		"/ours/../theirs/x":  {core.CodeInvalid, `has ".." in it`},
		"/ours/%2e%2e/x":     {core.CodeInvalid, `has ".." in it`},
		"/ours/a%2f..%2fb":   {core.CodeInvalid, `has ".." in it`},
		"/ours/a%2fb":        {core.CodeInvalid, "escaped slash"},
		"/ours/a%252e%252e/": {core.CodeInvalid, "write the address without it"},
		`/ours/a\..\b`:       {core.CodeInvalid, "not the address of an orb"},
		"/ours/x#y":          {core.CodeInvalid, "not the address of an orb"},
	} {
		_, err := s.ResolveOrb(ctx, core.ResolveOrbRequest{Ref: web.URL + path, OrganizationID: acme})
		if core.ErrorCode(err) != want.code || !strings.Contains(err.Error(), want.part) {
			t.Errorf("%s: got %v (%s), want %q (%s)", path, err, core.ErrorCode(err), want.part, want.code)
		}
	}
	if elsewhere.asked.Load() > 0 {
		t.Error("a request left for an address that is not on the list")
	}
}

// TestASlowServerIsGivenUp waits for the service's own limit, with a server that
// never answers.
func TestASlowServerIsGivenUp(t *testing.T) {
	t.Parallel()
	web := newSite(t)
	s, _ := made(t, storetest.Open(t, "orbs"), func(c *Config, _ *Deps) { c.URLLoopback, c.URLTimeout = true, "100ms" })
	t.Cleanup(s.client.CloseIdleConnections)
	must(s.AddOrbPrefix(t.Context(), core.OrbPrefix{OrganizationID: acme, Name: "ours", Prefix: web.URL + "/ours/"}))
	web.on("/ours/slow", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	_, err := s.ResolveOrb(t.Context(), core.ResolveOrbRequest{Ref: web.URL + "/ours/slow", OrganizationID: acme})
	refused(t, err, core.CodeUnavailable, "cannot be fetched just now")
}

// TestManyAskOnce holds the server's answer back until all have asked.
func TestManyAskOnce(t *testing.T) {
	t.Parallel()
	web := newSite(t)
	s, _ := fetching(t, storetest.Open(t, "orbs"), web)
	reached, release := make(chan struct{}), make(chan struct{})
	web.on("/ours/hi", func(w http.ResponseWriter, _ *http.Request) {
		close(reached) // a second request would panic here
		<-release
		_, _ = w.Write([]byte(greeter("one")))
	})
	request := core.ResolveOrbRequest{Ref: web.URL + "/ours/hi", OrganizationID: acme}
	impatient, leave := context.WithCancel(t.Context())
	var group sync.WaitGroup
	group.Go(func() {
		if _, err := s.ResolveOrb(impatient, request); core.ErrorCode(err) != core.CodeUnavailable {
			t.Errorf("who left got %v", err)
		}
	})
	<-reached
	for range 5 {
		group.Go(func() {
			if got, err := s.ResolveOrb(t.Context(), request); err != nil || got.Source != greeter("one") {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
	leave()
	close(release)
	group.Wait()
}

// TestAddressesOfTheInstallation uses the transport that sites have.
func TestAddressesOfTheInstallation(t *testing.T) {
	t.Parallel()
	s, _ := made(t, storetest.Open(t, "orbs"), nil)
	for _, host := range []string{"127.0.0.1", "localhost", "[::1]", "169.254.169.254", "10.1.2.3"} {
		must(s.AddOrbPrefix(t.Context(), core.OrbPrefix{OrganizationID: acme, Name: host, Prefix: "https://" + host + "/"}))
		_, err := s.ResolveOrb(t.Context(), core.ResolveOrbRequest{Ref: "https://" + host + "/x", OrganizationID: acme})
		refused(t, err, core.CodeForbidden, "an address that is not public")
	}
	_, err := s.ResolveOrb(t.Context(), core.ResolveOrbRequest{Ref: "http://orbs.example/x", OrganizationID: acme})
	refused(t, err, core.CodeInvalid, "does not begin with https://")
}

func TestPrefixes(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "orbs", func(t *testing.T, open func() *store.DB) {
		ctx := t.Context()
		s, _ := made(t, open(), nil)
		first := must(s.AddOrbPrefix(ctx, core.OrbPrefix{OrganizationID: acme, Name: " ours ", Prefix: "https://orbs.example/a/"}))
		if first.Name != "ours" || first.ID == "" || first.CreatedAt.IsZero() {
			t.Errorf("got %+v", first)
		}
		if again := must(s.AddOrbPrefix(ctx, core.OrbPrefix{OrganizationID: acme, Name: "more", Prefix: first.Prefix})); again != first {
			t.Errorf("the same prefix again: got %+v, want %+v", again, first)
		}
		_, err := s.AddOrbPrefix(ctx, core.OrbPrefix{ID: first.ID, OrganizationID: acme, Name: "x", Prefix: "https://orbs.example/b/"})
		refused(t, err, core.CodeConflict, "another entry with this id")
		for prefix, part := range map[string]string{
			"https://orbs.example/a":      "must end with a slash",
			"https://orbs.example":        "must end with a slash",
			"https://orbs.example/?q=/":   "must end with a slash",
			"http://orbs.example/":        "does not begin with https://",
			"https://me:pw@orbs.example/": "not the address of an orb",
			"https://Orbs.example/":       "in lower case",
			"https:///a/":                 "not the address of an orb",
			"orbs.example/":               "not the address of an orb",
			"https://orbs.example/../a/":  `has ".." in it`,
			"https://orbs.example/" + strings.Repeat("a", 2048) + "/": "not the address of an orb",
		} {
			_, err := s.AddOrbPrefix(ctx, core.OrbPrefix{OrganizationID: acme, Name: "x", Prefix: prefix})
			refused(t, err, core.CodeInvalid, part)
		}
		refused(t, s.RemoveOrbPrefix(ctx, core.OrbPrefix{ID: first.ID, OrganizationID: other}), core.CodeNotFound, "no such entry")
		if list := must(s.ListOrbPrefixes(ctx, other)); len(list) != 0 {
			t.Errorf("the other organization has %+v", list)
		}
	})
}
