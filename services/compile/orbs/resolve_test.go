// SPDX-License-Identifier: MPL-2.0

package orbs

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/store/storetest"
)

func TestReferences(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "orbs", func(t *testing.T, open func() *store.DB) {
		ctx := t.Context()
		s, _ := stocked(t, open())
		for _, version := range []string{"1.2.3", "1.10.0", "1.9.9", "2.0.0", "1.10.1", "10.0.0", "9.0.0", "dev:9.9.9"} {
			publish(t, s, "acme/hi", version, greeter(version))
		}
		for ref, want := range map[string]string{
			"1.2.3": "1.2.3", "1.2": "1.2.3", "1.10": "1.10.1", "1": "1.10.1", "2": "2.0.0", "10": "10.0.0", "volatile": "10.0.0", "dev:9.9.9": "dev:9.9.9",
		} {
			got := must(s.ResolveOrb(ctx, core.ResolveOrbRequest{Ref: "acme/hi@" + ref}))
			if got.Version != want || got.Source != greeter(want) || got.Digest != digestOf(got.Source) || got.Ref != "acme/hi@"+ref {
				t.Errorf("%s: got %+v, want %s", ref, got, want)
			}
			locked := must(s.ResolveOrb(ctx, core.ResolveOrbRequest{Ref: got.Ref, Digest: got.Digest}))
			if locked != got {
				t.Errorf("%s: locked: got %+v, want %+v", ref, locked, got)
			}
		}
		for ref, want := range map[string]struct {
			code core.Code
			part string
		}{
			"acme/hi@3":                    {core.CodeNotFound, "Cannot find acme/hi@3 in the orb registry. Check that the namespace, orb name and version are correct. The orb's newest version is 10.0.0."},
			"acme/hi@1.2.4":                {core.CodeNotFound, "Cannot find acme/hi@1.2.4"},
			"acme/hi@dev:no":               {core.CodeNotFound, "no such dev version"},
			"acme/no@1":                    {core.CodeNotFound, "Cannot find acme/no@1 in the orb registry. Check"},
			"no/hi@1":                      {core.CodeNotFound, "Cannot find no/hi@1"},
			"acme/hi":                      {core.CodeInvalid, "has no version: write acme/hi@1"},
			"acme/hi@x":                    {core.CodeInvalid, `"x" is not a version`},
			"acme/hi@1.2.3.4":              {core.CodeInvalid, "not a version"},
			"hi@1":                         {core.CodeInvalid, "namespace/orb"},
			"a/b/c@1":                      {core.CodeInvalid, "not a name"},
			"acme/hi@99999999999999999999": {core.CodeInvalid, "not a version"},
		} {
			_, err := s.ResolveOrb(ctx, core.ResolveOrbRequest{Ref: ref})
			refused(t, err, want.code, want.part)
		}
		if v := must(s.OrbVersion(ctx, core.OrbKey{Orb: "acme/hi"})); v.Version != "10.0.0" || v.Source != greeter("10.0.0") {
			t.Errorf("the newest: got %+v", v)
		}
	})
}

// TestPrivateOrbsAreNotThere compares every answer about a private orb with that
// about one that does not exist.
func TestPrivateOrbsAreNotThere(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "orbs", func(t *testing.T, open func() *store.DB) {
		ctx := t.Context()
		s, _ := stocked(t, open())
		must(s.CreateOrb(ctx, core.Orb{Namespace: "acme", Name: "secret", Private: true}))
		v := publish(t, s, "acme/secret", "1.0.0", greeter("psst"))
		publish(t, s, "acme/secret", "dev:a", greeter("psst"))
		ask := func(orb string, organization core.OrganizationID) []string {
			var answers []string
			note := func(_ any, err error) {
				answers = append(answers, strings.ReplaceAll(fmt.Sprint(core.ErrorCode(err), err), orb, "?"))
			}
			for _, version := range []string{"1", "1.0.0", "volatile", "dev:a", "2"} {
				note(s.ResolveOrb(ctx, core.ResolveOrbRequest{Ref: orb + "@" + version, OrganizationID: organization}))
				note(s.ResolveOrb(ctx, core.ResolveOrbRequest{Ref: orb + "@" + version, OrganizationID: organization, Digest: v.Digest}))
				note(s.OrbVersion(ctx, core.OrbKey{Orb: orb, Version: version, OrganizationID: organization}))
			}
			note(s.Orb(ctx, core.OrbKey{Orb: orb, OrganizationID: organization}))
			note(s.OrbVersions(ctx, core.OrbKey{Orb: orb, OrganizationID: organization}))
			return answers
		}
		for _, organization := range []core.OrganizationID{"", other} {
			if diff := cmp.Diff(ask("acme/absent", organization), ask("acme/secret", organization)); diff != "" {
				t.Errorf("%q can tell (-absent +private):\n%s", organization, diff)
			}
		}
		if got := must(s.ResolveOrb(ctx, core.ResolveOrbRequest{Ref: "acme/secret@1", OrganizationID: acme})); got.Source != greeter("psst") {
			t.Errorf("the owner got %+v", got)
		}
		owned := must(s.Orb(ctx, core.OrbKey{Orb: "acme/secret", OrganizationID: acme}))
		if byID := must(s.Orb(ctx, core.OrbKey{Orb: owned.ID})); !cmp.Equal(byID, owned) {
			t.Errorf("by id: got %+v, want %+v", byID, owned)
		}
	})
}

func TestLists(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "orbs", func(t *testing.T, open func() *store.DB) {
		ctx := t.Context()
		s, _ := stocked(t, open())
		must(s.CreateNamespace(ctx, core.Namespace{Name: "apex", OrganizationID: other}))
		for _, orb := range []core.Orb{
			{Namespace: "acme", Name: "go_1"}, {Namespace: "acme", Name: "own", Private: true}, {Namespace: "apex", Name: "own", Private: true},
			{Namespace: "apex", Name: "zip"}, {Namespace: "apex", Name: "hidden"},
		} {
			must(s.CreateOrb(ctx, orb))
		}
		publish(t, s, "apex/zip", "1.0.0", greeter("100% LOUD"))
		no := false
		must(s.ChangeOrb(ctx, core.OrbChange{Orb: "apex/hidden", Listed: &no}))
		must(s.ChangeOrb(ctx, core.OrbChange{Orb: "apex/zip", AddCategory: "testing"}))
		must(s.ChangeOrb(ctx, core.OrbChange{Orb: "apex/zip", AddCategory: "Build"}))
		must(s.ChangeOrb(ctx, core.OrbChange{Orb: "apex/zip", AddCategory: "Build"}))
		_, err := s.ChangeOrb(ctx, core.OrbChange{Orb: "apex/zip", AddCategory: "Security"})
		refused(t, err, core.CodeConflict, "Build and Testing")
		_, err = s.ChangeOrb(ctx, core.OrbChange{Orb: "apex/zip", AddCategory: "Cooking"})
		refused(t, err, core.CodeNotFound, `no category "Cooking"`)

		names := func(f core.OrbFilter) string {
			t.Helper()
			var all []string
			for {
				list := must(s.ListOrbs(ctx, f))
				for _, orb := range list.Items {
					all = append(all, orb.FullName())
				}
				if f.Page.Token = list.Next; f.Page.Token == "" {
					return strings.Join(all, " ")
				}
			}
		}
		for _, test := range []struct {
			filter core.OrbFilter
			want   string
		}{
			{core.OrbFilter{}, "acme/go_1 acme/hi apex/zip"},
			{core.OrbFilter{Page: core.Page{Limit: 1}}, "acme/go_1 acme/hi apex/zip"},
			{core.OrbFilter{Unlisted: true}, "acme/go_1 acme/hi apex/hidden apex/zip"},
			{core.OrbFilter{Namespace: "acme"}, "acme/go_1 acme/hi"},
			{core.OrbFilter{Private: true, OrganizationID: acme}, "acme/own"},
			{core.OrbFilter{Private: true, OrganizationID: other}, "apex/own"},
			{core.OrbFilter{Private: true}, ""},
			{core.OrbFilter{Search: "GO_"}, "acme/go_1"},
			{core.OrbFilter{Search: "_"}, "acme/go_1"},
			{core.OrbFilter{Search: "100% loud"}, "apex/zip"},
			{core.OrbFilter{Search: "%"}, "apex/zip"},
			{core.OrbFilter{Search: "!"}, ""},
			{core.OrbFilter{Category: "Testing"}, "apex/zip"},
			{core.OrbFilter{Category: "Security"}, ""},
		} {
			if got := names(test.filter); got != test.want {
				t.Errorf("%+v: got %q, want %q", test.filter, got, test.want)
			}
		}
		if orb := must(s.ChangeOrb(ctx, core.OrbChange{Orb: "apex/zip", RemoveCategory: "Build", AddCategory: "Security"})); strings.Join(orb.Categories, ",") != "Security,Testing" {
			t.Errorf("got %v", orb.Categories)
		}
		if list := must(s.ListOrbs(ctx, core.OrbFilter{Page: core.Page{Limit: 1}})); list.Total != 3 || len(list.Items) != 1 {
			t.Errorf("got %d of %d, want 1 of 3", len(list.Items), list.Total)
		}
		_, err = s.ListOrbs(ctx, core.OrbFilter{Page: core.Page{Token: "!"}})
		refused(t, err, core.CodeInvalid, "page token")
		if all := must(s.OrbCategories(ctx)); len(all) != 15 {
			t.Errorf("got %d categories", len(all))
		}
		_, err = s.CreateOrb(ctx, core.Orb{Namespace: "acme", Name: "hi"})
		refused(t, err, core.CodeConflict, "There is an orb acme/hi already.")
		one := must(s.CreateOrb(ctx, core.Orb{ID: "o1", Namespace: "acme", Name: "again"}))
		if two := must(s.CreateOrb(ctx, core.Orb{ID: "o1", Namespace: "acme", Name: "again"})); !cmp.Equal(one, two) {
			t.Errorf("the same call again: got %+v, want %+v", two, one)
		}
	})
}

func BenchmarkResolve(b *testing.B) {
	s, _ := stocked(b, storetest.Open(b, "orbs"))
	for n := range 200 {
		publish(b, s, "acme/hi", fmt.Sprintf("1.%d.0", n), greeter(fmt.Sprint(n, strings.Repeat("x", 20_000))))
	}
	exact := must(s.ResolveOrb(context.Background(), core.ResolveOrbRequest{Ref: "acme/hi@1.7.0"}))
	for name, request := range map[string]core.ResolveOrbRequest{
		"exact": {Ref: "acme/hi@1.7.0"}, "major": {Ref: "acme/hi@1"}, "locked": {Ref: "acme/hi@1", Digest: exact.Digest},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.ResolveOrb(context.Background(), request); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
