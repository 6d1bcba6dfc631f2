// SPDX-License-Identifier: MPL-2.0

package orbs

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/httpx"
	"github.com/muster-ci/muster/internal/httpx/httpxtest"
	"github.com/muster-ci/muster/internal/remote"
	"github.com/muster-ci/muster/internal/store/storetest"
)

// inside serves requests by a handler of this process.
type inside struct{ http.Handler }

// RoundTrip implements http.RoundTripper.
func (i inside) RoundTrip(r *http.Request) (*http.Response, error) {
	recorder := httptest.NewRecorder()
	i.ServeHTTP(recorder, r)
	return recorder.Result(), nil
}

// TestEveryMethodOverHTTP calls all of core.Orbs through the client that other
// services have.
func TestEveryMethodOverHTTP(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s, _ := made(t, storetest.Open(t, "orbs"), nil)
	engine := httpx.NewEngine(hclog.NewNullLogger())
	s.Routes(engine.Group("/orbs/v1", httpxtest.From("gateway")))
	var orbs core.Orbs = remote.NewOrbs(remote.NewCaller("orbs", inside{engine}, func(context.Context) (string, error) { return "t", nil }))

	must(orbs.CreateNamespace(ctx, core.Namespace{Name: "old", OrganizationID: acme}))
	must(orbs.RenameNamespace(ctx, core.NamespaceRename{From: "old", To: "acme"}))
	if got := must(orbs.Namespace(ctx, "old")); got.Name != "acme" || got.OrganizationID != acme {
		t.Errorf("got %+v", got)
	}
	if err := orbs.DeleteNamespaceAlias(ctx, "old"); err != nil {
		t.Error(err)
	}
	must(orbs.CreateOrb(ctx, core.Orb{Namespace: "acme", Name: "hi"}))
	must(orbs.PublishOrb(ctx, core.PublishOrbRequest{Orb: "acme/hi", Version: "dev:a", Source: greeter("one")}))
	promoted := must(orbs.PromoteOrb(ctx, core.PromoteOrbRequest{Orb: "acme/hi", From: "dev:a", Increment: "patch"}))
	if got := must(orbs.ResolveOrb(ctx, core.ResolveOrbRequest{Ref: "acme/hi@0"})); got.Version != "0.0.1" || got.Source != greeter("one") {
		t.Errorf("got %+v", got)
	}
	changed := must(orbs.ChangeOrb(ctx, core.OrbChange{Orb: "acme/hi", AddCategory: "Build"}))
	if diff := cmp.Diff(changed, must(orbs.Orb(ctx, core.OrbKey{Orb: "acme/hi"}))); diff != "" {
		t.Errorf("(-changed +read):\n%s", diff)
	}
	if diff := cmp.Diff([]core.Orb{changed}, must(orbs.ListOrbs(ctx, core.OrbFilter{Category: "Build"})).Items); diff != "" {
		t.Errorf("(-changed +listed):\n%s", diff)
	}
	promoted.Source = greeter("one")
	if diff := cmp.Diff(promoted, must(orbs.OrbVersion(ctx, core.OrbKey{Orb: "acme/hi", Version: "volatile"}))); diff != "" {
		t.Errorf("(-promoted +read):\n%s", diff)
	}
	if got := must(orbs.OrbVersions(ctx, core.OrbKey{Orb: "acme/hi"})); len(got) != 2 || got[0].Version != "0.0.1" || got[0].Source != "" {
		t.Errorf("got %+v", got)
	}
	if got := must(orbs.OrbCategories(ctx)); len(got) == 0 {
		t.Error("no categories")
	}
	prefix := must(orbs.AddOrbPrefix(ctx, core.OrbPrefix{OrganizationID: acme, Name: "ours", Prefix: "https://orbs.example/"}))
	if diff := cmp.Diff([]core.OrbPrefix{prefix}, must(orbs.ListOrbPrefixes(ctx, acme))); diff != "" {
		t.Errorf("(-added +listed):\n%s", diff)
	}
	if err := orbs.RemoveOrbPrefix(ctx, prefix); err != nil {
		t.Error(err)
	}
	refused(t, orbs.RemoveOrbPrefix(ctx, prefix), core.CodeNotFound, "no such entry")
	if err := orbs.DeleteNamespace(ctx, "acme"); err != nil {
		t.Error(err)
	}
	_, err := orbs.ResolveOrb(ctx, core.ResolveOrbRequest{Ref: "acme/hi@1"})
	refused(t, err, core.CodeNotFound, "Cannot find acme/hi@1")
}
