// SPDX-License-Identifier: MPL-2.0

package orbs

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/store/storetest"
)

func TestReleasesNeverChange(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "orbs", func(t *testing.T, open func() *store.DB) {
		ctx := t.Context()
		s, _ := stocked(t, open())
		request := core.PublishOrbRequest{ID: "v1", Orb: "acme/hi", Version: "1.0.0", Source: greeter("one")}
		first := must(s.PublishOrb(ctx, request))
		if first.Digest != digestOf(greeter("one")) || first.ExpiresAt != nil || first.Orb != "acme/hi" || first.Version != "1.0.0" {
			t.Errorf("got %+v", first)
		}
		if diff := cmp.Diff(first, must(s.PublishOrb(ctx, request))); diff != "" {
			t.Errorf("the same call again (-first +second):\n%s", diff)
		}
		request.ID = ""
		_, err := s.PublishOrb(ctx, request)
		refused(t, err, core.CodeConflict, "acme/hi@1.0.0 is published already")
		request.Import = true
		if diff := cmp.Diff(first, must(s.PublishOrb(ctx, request))); diff != "" {
			t.Errorf("imported again (-first +second):\n%s", diff)
		}
		request.Source = greeter("two")
		_, err = s.PublishOrb(ctx, request)
		refused(t, err, core.CodeConflict, "published already")

		for _, step := range []struct{ increment, want string }{{"patch", "1.0.1"}, {"minor", "1.1.0"}, {"patch", "1.1.1"}, {"major", "2.0.0"}} {
			got := must(s.PublishOrb(ctx, core.PublishOrbRequest{Orb: "acme/hi", Increment: step.increment, Source: greeter(step.want)}))
			if got.Version != step.want {
				t.Errorf("%s: got %s, want %s", step.increment, got.Version, step.want)
			}
		}
		publish(t, s, "acme/hi", "1.0.2", greeter("a fix of the old line"))
		orb := must(s.Orb(ctx, core.OrbKey{Orb: "acme/hi"}))
		if orb.Latest != "2.0.0" || orb.Description != "Says 2.0.0" || !orb.Listed {
			t.Errorf("got %+v", orb)
		}
		versions := must(s.OrbVersions(ctx, core.OrbKey{Orb: "acme/hi"}))
		var names []string
		for _, v := range versions {
			names = append(names, v.Version)
		}
		if got := strings.Join(names, " "); got != "2.0.0 1.1.1 1.1.0 1.0.2 1.0.1 1.0.0" {
			t.Errorf("got %s", got)
		}
	})
}

func TestPublishingIsChecked(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s, _ := made(t, storetest.Open(t, "orbs"), func(c *Config, _ *Deps) { c.MaxSourceBytes, c.MaxDevVersions = 1000, 2 })
	must(s.CreateNamespace(ctx, core.Namespace{Name: "acme", OrganizationID: acme}))
	must(s.CreateOrb(ctx, core.Orb{Namespace: "acme", Name: "hi"}))
	good := greeter("x")
	for _, test := range []struct {
		request core.PublishOrbRequest
		code    core.Code
		part    string
	}{
		{core.PublishOrbRequest{Orb: "acme/no", Version: "1.0.0", Source: good}, core.CodeNotFound, "no orb acme/no"},
		{core.PublishOrbRequest{Orb: "acme", Version: "1.0.0", Source: good}, core.CodeInvalid, "namespace/orb"},
		{core.PublishOrbRequest{Orb: "acme/hi", Version: "1.0", Source: good}, core.CodeInvalid, "not a version that can be published"},
		{core.PublishOrbRequest{Orb: "acme/hi", Version: "volatile", Source: good}, core.CodeInvalid, "not a version that can be published"},
		{core.PublishOrbRequest{Orb: "acme/hi", Version: "1.0.0-rc1", Source: good}, core.CodeInvalid, "not a version"},
		{core.PublishOrbRequest{Orb: "acme/hi", Version: "01.0.0", Source: good}, core.CodeInvalid, "not a version"},
		{core.PublishOrbRequest{Orb: "acme/hi", Version: "dev:", Source: good}, core.CodeInvalid, "A dev version is"},
		{core.PublishOrbRequest{Orb: "acme/hi", Version: "dev:a b", Source: good}, core.CodeInvalid, "without blanks"},
		{core.PublishOrbRequest{Orb: "acme/hi", Increment: "huge", Source: good}, core.CodeInvalid, "major, minor or patch"},
		{core.PublishOrbRequest{Orb: "acme/hi", Source: good}, core.CodeInvalid, "Name either"},
		{core.PublishOrbRequest{Orb: "acme/hi", Version: "1.0.0", Increment: "patch", Source: good}, core.CodeInvalid, "Name either"},
		{core.PublishOrbRequest{Orb: "acme/hi", Version: "1.0.0", Source: "version: 2.1\nsetup: true\n"}, core.CodeInvalid, `orb.yml:2:1: extraneous key [setup]`},
		{core.PublishOrbRequest{Orb: "acme/hi", Version: "1.0.0", Source: "version: 2.1\ncommands: {a: {steps: [no-such-step]}}\n"}, core.CodeInvalid, "no-such-step"},
		{core.PublishOrbRequest{Orb: "acme/hi", Version: "1.0.0", Source: "version: 2.1\norbs: {x: acme/later@1}\n"}, core.CodeInvalid, "Cannot find acme/later@1 in the orb registry"},
		{core.PublishOrbRequest{Orb: "acme/hi", Version: "1.0.0", Source: strings.Repeat("#", 1001)}, core.CodeInvalid, "1001 bytes; the most is 1000"},
	} {
		_, err := s.PublishOrb(ctx, test.request)
		refused(t, err, test.code, test.part)
	}
	uses := core.PublishOrbRequest{Orb: "acme/hi", Version: "9.0.0", Source: "version: 2.1\norbs: {x: acme/later@1}\n", Import: true}
	must(s.PublishOrb(ctx, uses)) // in any order
	publish(t, s, "acme/hi", "dev:a", good)
	publish(t, s, "acme/hi", "dev:b", good)
	publish(t, s, "acme/hi", "dev:b", greeter("y"))
	_, err := s.PublishOrb(ctx, core.PublishOrbRequest{Orb: "acme/hi", Version: "dev:c", Source: good})
	refused(t, err, core.CodeExhausted, "2 dev versions")
}

func TestDevVersionsMoveAndExpire(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "orbs", func(t *testing.T, open func() *store.DB) {
		ctx := t.Context()
		s, clock := stocked(t, open())
		first := publish(t, s, "acme/hi", "dev:me/branch", greeter("one"))
		if want := clock.Now().Add(90 * 24 * time.Hour); first.ExpiresAt == nil || !first.ExpiresAt.Equal(want) {
			t.Errorf("got %v, want %v", first.ExpiresAt, want)
		}
		locked := must(s.ResolveOrb(ctx, core.ResolveOrbRequest{Ref: "acme/hi@dev:me/branch"}))
		_, err := s.ResolveOrb(ctx, core.ResolveOrbRequest{Ref: "acme/hi@volatile"})
		refused(t, err, core.CodeNotFound, "no released version yet")

		clock.Advance(80 * 24 * time.Hour)
		second := publish(t, s, "acme/hi", "dev:me/branch", greeter("two"))
		if second.ID != first.ID || !second.ExpiresAt.Equal(first.ExpiresAt.Add(80*24*time.Hour)) {
			t.Errorf("published again: got %+v after %+v", second, first)
		}
		clock.Advance(20 * 24 * time.Hour)
		if got := must(s.ResolveOrb(ctx, core.ResolveOrbRequest{Ref: locked.Ref})); got.Source != greeter("two") {
			t.Errorf("got %+v", got)
		}
		sweep(t, s)
		if got := must(s.ResolveOrb(ctx, core.ResolveOrbRequest{Ref: locked.Ref, Digest: locked.Digest})); got != locked {
			t.Errorf("locked: got %+v, want %+v", got, locked)
		}
		_, err = s.ResolveOrb(ctx, core.ResolveOrbRequest{Ref: "acme/hi@dev:me/branch", Digest: digestOf("never")})
		refused(t, err, core.CodeNotFound, "no longer kept")

		clock.Advance(70 * 24 * time.Hour) // second has expired, and is kept for 30 days
		_, err = s.ResolveOrb(ctx, core.ResolveOrbRequest{Ref: locked.Ref})
		refused(t, err, core.CodeNotFound, "The dev version of acme/hi@dev:me/branch has expired. Dev versions of orbs are only valid for 90 days after publishing")
		sweep(t, s)
		_, err = s.ResolveOrb(ctx, core.ResolveOrbRequest{Ref: locked.Ref, Digest: locked.Digest})
		refused(t, err, core.CodeNotFound, "no longer kept")
		if got := must(s.ResolveOrb(ctx, core.ResolveOrbRequest{Ref: locked.Ref, Digest: second.Digest})); got.Source != greeter("two") {
			t.Errorf("got %+v", got)
		}
		if versions := must(s.OrbVersions(ctx, core.OrbKey{Orb: "acme/hi"})); len(versions) != 0 {
			t.Errorf("expired ones are listed: %+v", versions)
		}
		clock.Advance(40 * 24 * time.Hour)
		sweep(t, s)
		if n := must(s.deps.DB.NewSelect().Model((*sourceRow)(nil)).Count(ctx)); n != 0 {
			t.Errorf("%d sources are left", n)
		}
	})
}

// sweep does it without what is cached, as another process would see it.
func sweep(t *testing.T, s *Service) {
	t.Helper()
	if err := s.sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.sources.byDigest.Purge()
}

func TestSourcesOfReleasesStay(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "orbs", func(t *testing.T, open func() *store.DB) {
		ctx := t.Context()
		s, clock := stocked(t, open())
		publish(t, s, "acme/hi", "dev:a", greeter("one"))
		publish(t, s, "acme/hi", "1.0.0", greeter("one"))
		publish(t, s, "acme/hi", "dev:a", greeter("two")) // must not date what 1.0.0 holds
		publish(t, s, "acme/hi", "dev:b", greeter("one"))
		clock.Advance(1000 * 24 * time.Hour)
		sweep(t, s)
		got := must(s.ResolveOrb(ctx, core.ResolveOrbRequest{Ref: "acme/hi@1"}))
		if got.Source != greeter("one") {
			t.Errorf("got %+v", got)
		}
		if again := must(s.ResolveOrb(ctx, core.ResolveOrbRequest{Ref: "acme/hi@1", Digest: got.Digest})); again != got {
			t.Errorf("locked: got %+v, want %+v", again, got)
		}
		if n := must(s.deps.DB.NewSelect().Model((*sourceRow)(nil)).Count(ctx)); n != 1 {
			t.Errorf("%d sources are left, want the one of the release", n)
		}
	})
}

func TestPromote(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "orbs", func(t *testing.T, open func() *store.DB) {
		ctx := t.Context()
		s, clock := stocked(t, open())
		dev := publish(t, s, "acme/hi", "dev:a", greeter("one"))
		request := core.PromoteOrbRequest{ID: "p1", Orb: "acme/hi", From: "dev:a", Increment: "minor"}
		first := must(s.PromoteOrb(ctx, request))
		if first.Version != "0.1.0" || first.Digest != dev.Digest || first.ExpiresAt != nil {
			t.Errorf("got %+v", first)
		}
		if again := must(s.PromoteOrb(ctx, request)); !cmp.Equal(again, first) {
			t.Errorf("the same call again: got %+v, want %+v", again, first)
		}
		if exact := must(s.PromoteOrb(ctx, core.PromoteOrbRequest{Orb: "acme/hi", From: "dev:a", Version: "3.0.0"})); exact.Version != "3.0.0" {
			t.Errorf("got %+v", exact)
		}
		if orb := must(s.Orb(ctx, core.OrbKey{Orb: "acme/hi"})); orb.Description != "Says one" || orb.Latest != "3.0.0" {
			t.Errorf("got %+v", orb)
		}
		_, err := s.PromoteOrb(ctx, core.PromoteOrbRequest{Orb: "acme/hi", From: "dev:b", Increment: "patch"})
		refused(t, err, core.CodeNotFound, "no acme/hi@dev:b to promote")
		_, err = s.PromoteOrb(ctx, core.PromoteOrbRequest{Orb: "acme/hi", From: "3.0.0", Increment: "patch"})
		refused(t, err, core.CodeInvalid, "not a dev version")
		_, err = s.PromoteOrb(ctx, core.PromoteOrbRequest{Orb: "acme/hi", From: "dev:a", Version: "dev:b"})
		refused(t, err, core.CodeInvalid, "not to dev:b")
		clock.Advance(91 * 24 * time.Hour)
		_, err = s.PromoteOrb(ctx, core.PromoteOrbRequest{Orb: "acme/hi", From: "dev:a", Increment: "patch"})
		refused(t, err, core.CodeNotFound, "has expired")
	})
}
