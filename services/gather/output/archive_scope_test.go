// SPDX-License-Identifier: MPL-2.0

package output

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/store/storetest"
	"github.com/muster-ci/muster/internal/wire"
)

// TestCacheScopes: neither another project nor a fork sees a cache, and a fork's
// is its own.
func TestCacheScopes(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "output", func(t *testing.T, open func() *store.DB) {
		h := newHarness(t, open, Config{})
		in := map[string]*agent{
			"ours":  h.keeper(nil),
			"other": h.keeper(func(s *core.TaskSpec) { s.Pipeline.Project.ID = "p2" }),
			"fork":  h.keeper(func(s *core.TaskSpec) { s.Pipeline.Source.Fork = "gh/mallory/site" }),
			"fork2": h.keeper(func(s *core.TaskSpec) { s.Pipeline.Source.Fork = "gh/eve/site" }),
		}
		for name, a := range in {
			if _, got := a.keep(cacheOf("k"), name); got.Exists {
				t.Errorf("%s: the key is taken by another scope", name)
			}
		}
		ids := map[string]core.ArchiveID{}
		for name, a := range in {
			if got, want := a.cache("k"), "k="+name; got != want {
				t.Errorf("%s reads %q, want %q", name, got, want)
			}
			ids[name] = sends[wire.ArchiveFound](a, wire.PathArchiveFind, wire.ArchiveFind{Kind: core.ArchiveCache, Keys: []string{"k"}}).Archives[0].ID
		}
		for of, id := range ids {
			for name, a := range in {
				status := a.ask(wire.PathArchiveDownload, wire.ArchiveDownload{ID: id, Parts: []int{0}}, nil)
				if ok := status == http.StatusOK; ok != (of == name) {
					t.Errorf("%s asks for a part of the cache of %s: got %d", name, of, status)
				}
			}
		}
	})
}

// TestProtectedCaches: in a project that protects its caches nothing that a
// branch, a tag, a person over SSH or a bundle saved reaches the jobs of the
// default branch. The others start from what that saved.
func TestProtectedCaches(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "output", func(t *testing.T, open func() *store.DB) {
		h := newHarness(t, open, Config{})
		of := func(change func(*core.TaskSpec)) *agent {
			return h.keeper(func(s *core.TaskSpec) {
				s.Pipeline.Project.DefaultBranch, s.Pipeline.Source.Branch = "main", "main"
				s.Pipeline.Project.Settings.ProtectCaches = true
				if change != nil {
					change(s)
				}
			})
		}
		trusted := of(nil)
		others := map[string]*agent{
			"branch:dev": of(func(s *core.TaskSpec) { s.Pipeline.Source.Branch = "dev" }),
			"tag:v1":     of(func(s *core.TaskSpec) { s.Pipeline.Source.Branch, s.Pipeline.Source.Tag = "", "v1" }),
			// A person at work on the default branch.
			"branch:main":     of(func(s *core.TaskSpec) { s.SSH = &core.SSHAccess{User: "ada"} }),
			"branch:":         of(func(s *core.TaskSpec) { s.Pipeline.Source.Branch = "" }),
			"gh/mallory/site": of(func(s *core.TaskSpec) { s.Pipeline.Source.Fork = "gh/mallory/site" }),
		}
		for name, a := range others {
			a.keep(cacheOf("deps-poison"), name)
			if got, want := a.cache("deps-"), "deps-poison="+name; got != want {
				t.Errorf("%s reads %q, want %q", name, got, want)
			}
		}
		if got := trusted.cache("deps-"); got != "" {
			t.Errorf("the default branch reads %q", got)
		}
		h.advance(time.Second)
		if _, got := trusted.keep(cacheOf("deps-poison"), "good"); got.Exists {
			t.Error("the key of the default branch is taken by another")
		}
		trusted.keep(cacheOf("deps-more"), "more")
		for name, a := range others {
			want := "deps-more=more"
			if name == "gh/mallory/site" {
				want = ""
			}
			if got := a.cache("deps-more"); got != want {
				t.Errorf("%s reads %q, want %q", name, got, want)
			}
			var begun wire.ArchiveBegun
			begin := cacheOf("deps-more")
			begin.Nonce = strings.Repeat("n", 16)
			a.ask(wire.PathArchiveBegin, begin, &begun)
			if begun.Exists != (want != "") {
				t.Errorf("%s keeps what it can restore anew: %t", name, !begun.Exists)
			}
		}
		if got := of(nil).cache("deps-poison"); got != "deps-poison=good" {
			t.Errorf("the default branch reads %q", got)
		}
		owners := map[string]bool{}
		list, err := h.service.Archives().ListCaches(t.Context(), core.CacheQuery{Project: project, Prefix: "deps-poison"})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range list.Items {
			owners[c.Fork+c.Ref] = true
		}
		if len(owners) != 6 || !owners[""] || !owners["tag:v1"] || !owners["gh/mallory/site"] {
			t.Errorf("people see caches of %v", owners)
		}
	})
}
