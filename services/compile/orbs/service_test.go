// SPDX-License-Identifier: MPL-2.0

package orbs

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/store/storetest"
	"github.com/muster-ci/muster/internal/testx"
)

const (
	acme  core.OrganizationID = "00000000-0000-4000-8000-00000000000a"
	other core.OrganizationID = "00000000-0000-4000-8000-00000000000b"
)

// greeter is a source that differs by its word.
func greeter(word string) string {
	return "version: 2.1\ndescription: Says " + word + "\ncommands:\n  hi:\n    steps:\n      - run: echo " + word + "\n"
}

// made returns a service with its tables, whose loop does not run.
func made(t testing.TB, db *store.DB, change func(*Config, *Deps)) (*Service, *testx.Clock) {
	t.Helper()
	h := testx.NewClock(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	cfg, deps := Default(), Deps{Logger: hclog.NewNullLogger(), Clock: h.Now, NewID: core.NewID, DB: db}
	if change != nil {
		change(&cfg, &deps)
	}
	s, err := New(cfg, deps)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.MigrateEmbedded(context.Background(), migrations); err != nil {
		t.Fatal(err)
	}
	s.migrated.Store(true)
	return s, h
}

// must is for calls that have to work.
func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// refused checks an error's code and a part of its message.
func refused(t *testing.T, err error, code core.Code, part string) {
	t.Helper()
	if core.ErrorCode(err) != code || !strings.Contains(err.Error(), part) {
		t.Helper()
		t.Errorf("got %q (%s), want %q in an error of code %s", err, core.ErrorCode(err), part, code)
	}
}

// stocked returns a service with the namespace acme of the organization acme and
// the public orb acme/hi.
func stocked(t testing.TB, db *store.DB) (*Service, *testx.Clock) {
	t.Helper()
	s, h := made(t, db, nil)
	must(s.CreateNamespace(context.Background(), core.Namespace{Name: "acme", OrganizationID: acme}))
	must(s.CreateOrb(context.Background(), core.Orb{Namespace: "acme", Name: "hi"}))
	return s, h
}

func publish(t testing.TB, s *Service, orb, version, source string) core.OrbVersion {
	t.Helper()
	v, err := s.PublishOrb(context.Background(), core.PublishOrbRequest{Orb: orb, Version: version, Source: source})
	if err != nil {
		t.Fatalf("publishing %s@%s: %v", orb, version, err)
	}
	return v
}

func TestNamespaces(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "orbs", func(t *testing.T, open func() *store.DB) {
		ctx := t.Context()
		s, _ := made(t, open(), nil)
		first := must(s.CreateNamespace(ctx, core.Namespace{ID: "n1", Name: "acme", OrganizationID: acme}))
		if again := must(s.CreateNamespace(ctx, core.Namespace{ID: "n1", Name: "acme", OrganizationID: acme})); again != first {
			t.Errorf("the same call again: got %+v, want %+v", again, first)
		}
		made := must(s.CreateNamespace(ctx, core.Namespace{Name: "third", OrganizationID: "c"}))
		if byID := must(s.Namespace(ctx, made.ID)); byID != made {
			t.Errorf("by id: got %+v, want %+v", byID, made)
		}
		_, err := s.CreateNamespace(ctx, core.Namespace{Name: "second", OrganizationID: acme})
		refused(t, err, core.CodeConflict, `has the namespace "acme" already`)
		_, err = s.CreateNamespace(ctx, core.Namespace{Name: "acme", OrganizationID: other})
		refused(t, err, core.CodeConflict, "is taken")
		for _, name := range []string{"", "Acme", "a/b", "-a", "a.b", strings.Repeat("a", 101), "ä", core.NewID()} {
			_, err := s.CreateNamespace(ctx, core.Namespace{Name: name, OrganizationID: other})
			refused(t, err, core.CodeInvalid, "is not a name")
		}

		for _, name := range []string{"imported", "too"} {
			own := must(s.CreateNamespace(ctx, core.Namespace{ID: name, Name: name}))
			if again := must(s.CreateNamespace(ctx, core.Namespace{ID: name, Name: name})); again != own || own.OrganizationID != "" {
				t.Errorf("of no organization: got %+v and %+v", own, again)
			}
		}
		_, err = s.CreateNamespace(ctx, core.Namespace{Name: "too"})
		refused(t, err, core.CodeConflict, "is taken")
		_, err = s.CreateOrb(ctx, core.Orb{Namespace: "too", Name: "hi", Private: true})
		refused(t, err, core.CodeInvalid, "belongs to no organization")
		must(s.CreateOrb(ctx, core.Orb{Namespace: "too", Name: "hi"}))
		publish(t, s, "too/hi", "1.0.0", greeter("one"))
		must(s.ResolveOrb(ctx, core.ResolveOrbRequest{Ref: "too/hi@1", OrganizationID: other}))

		must(s.CreateOrb(ctx, core.Orb{Namespace: "acme", Name: "hi"}))
		publish(t, s, "acme/hi", "1.0.0", greeter("one"))
		must(s.RenameNamespace(ctx, core.NamespaceRename{From: "acme", To: "apex"}))
		if again := must(s.RenameNamespace(ctx, core.NamespaceRename{From: "acme", To: "apex"})); again.Name != "apex" {
			t.Errorf("renamed twice: got %+v", again)
		}
		for _, ref := range []string{"acme/hi@1", "apex/hi@1"} {
			if got := must(s.ResolveOrb(ctx, core.ResolveOrbRequest{Ref: ref})); got.Ref != ref || got.Source != greeter("one") {
				t.Errorf("%s: got %+v", ref, got)
			}
		}
		_, err = s.CreateNamespace(ctx, core.Namespace{Name: "acme", OrganizationID: other})
		refused(t, err, core.CodeConflict, "is taken")
		refused(t, s.DeleteNamespaceAlias(ctx, "apex"), core.CodeConflict, "present name")
		refused(t, s.DeleteNamespace(ctx, "acme"), core.CodeConflict, "former name")
		if err := s.DeleteNamespaceAlias(ctx, "acme"); err != nil {
			t.Fatal(err)
		}
		_, err = s.ResolveOrb(ctx, core.ResolveOrbRequest{Ref: "acme/hi@1"})
		refused(t, err, core.CodeNotFound, "Cannot find acme/hi@1 in the orb registry.")
		must(s.CreateNamespace(ctx, core.Namespace{Name: "acme", OrganizationID: other}))
		_, err = s.RenameNamespace(ctx, core.NamespaceRename{From: "apex", To: "acme"})
		refused(t, err, core.CodeConflict, "is taken")

		if err := s.DeleteNamespace(ctx, "apex"); err != nil {
			t.Fatal(err)
		}
		_, err = s.Namespace(ctx, "apex")
		refused(t, err, core.CodeNotFound, "no namespace")
		_, err = s.Orb(ctx, core.OrbKey{Orb: "apex/hi"})
		refused(t, err, core.CodeNotFound, "no orb")
		must(s.CreateNamespace(ctx, core.Namespace{Name: "apex", OrganizationID: acme}))
		if list := must(s.ListOrbs(ctx, core.OrbFilter{})); len(list.Items) != 1 {
			t.Errorf("orbs of a deleted namespace: %+v", list.Items)
		}
	})
}

// TestManyAtOnce publishes increments from two processes: each gets a number of
// its own, and none is left out.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "orbs", func(t *testing.T, open func() *store.DB) {
		one, _ := stocked(t, open())
		two, _ := made(t, open(), nil)
		var group sync.WaitGroup
		for n := range 20 {
			s := []*Service{one, two}[n%2]
			group.Go(func() {
				request := core.PublishOrbRequest{Orb: "acme/hi", Increment: "patch", Source: greeter(fmt.Sprint(n % 3))}
				if _, err := s.PublishOrb(context.Background(), request); err != nil {
					t.Errorf("publishing: %v", err)
				}
				if _, err := s.ResolveOrb(context.Background(), core.ResolveOrbRequest{Ref: "acme/hi@volatile"}); err != nil {
					t.Errorf("resolving: %v", err)
				}
			})
		}
		group.Wait()
		if orb := must(two.Orb(t.Context(), core.OrbKey{Orb: "acme/hi"})); orb.Latest != "0.0.20" {
			t.Errorf("got %s, want 0.0.20", orb.Latest)
		}
	})
}

// TestStartAndStop is not parallel: it counts goroutines.
func TestStartAndStop(t *testing.T) { //nolint:paralleltest // see above
	db := storetest.Open(t, "orbs")
	testx.NoLeaks(t)
	for range 5 {
		s, _ := made(t, db, nil)
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- s.Run(ctx) }()
		if err := s.Ready(context.Background()); err != nil {
			t.Error(err)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	}
}

func TestWrongConfigurationsAreRefused(t *testing.T) {
	t.Parallel()
	if err := Default().Validate(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Config){
		"max_source_bytes": func(c *Config) { c.MaxSourceBytes = 0 },
		"max_dev_versions": func(c *Config) { c.MaxDevVersions = 0 },
		"url_fetches":      func(c *Config) { c.URLFetches = 0 },
		"dev_lifetime":     func(c *Config) { c.DevLifetime = "90d" },
		"keep_sources":     func(c *Config) { c.KeepSources = "1s" },
		"url_fresh":        func(c *Config) { c.URLFresh = "-1s" },
		"url_timeout":      func(c *Config) { c.URLTimeout = "" },
	} {
		c := Default()
		change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
