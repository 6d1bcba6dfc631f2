// SPDX-License-Identifier: MPL-2.0

package output

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/store/storetest"
	"github.com/muster-ci/muster/internal/wire"
	"github.com/muster-ci/muster/services/gather/output/archive"
)

// ends are the ends of all archives that have not come to theirs, by kind and key,
// from the time at which they were committed on.
func (h *harness) ends() map[string]string {
	h.t.Helper()
	var rows []struct {
		Kind        string
		CacheKey    string
		CommittedAt store.Time
		ExpiresAt   store.Time
	}
	err := h.service.deps.DB.NewSelect().TableExpr("archives").Column("kind", "cache_key", "committed_at", "expires_at").
		Where("state = 'committed'").Where("(expires_at IS NULL OR expires_at > ?)", store.At(h.now())).Scan(h.t.Context(), &rows)
	if err != nil {
		h.t.Fatal(err)
	}
	found := map[string]string{}
	for _, r := range rows {
		found[r.Kind+r.CacheKey] = "never"
		if !r.ExpiresAt.IsZero() {
			found[r.Kind+r.CacheKey] = r.ExpiresAt.Time().Sub(r.CommittedAt.Time()).String()
		}
	}
	return found
}

// restartAdjusted restarts with other settings and waits until they have been
// held against what is kept.
func (h *harness) restartAdjusted(change func(*Config), want map[string]string) {
	h.t.Helper()
	change(&h.cfg)
	changed, unsubscribe := h.hints.Subscribe(archive.Topic)
	defer unsubscribe()
	h.restart()
	deadline := time.After(30 * time.Second)
	for {
		got := h.ends()
		if cmp.Equal(got, want) {
			return
		}
		select {
		case <-deadline:
			h.t.Fatalf("ends (-want +got):\n%s", cmp.Diff(want, got))
		case <-changed:
		}
	}
}

// TestChangedTimesCountForWhatIsKept: shorter, longer, for ever and back; what is
// over goes, and what a job wished stays.
func TestChangedTimesCountForWhatIsKept(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "output", func(t *testing.T, open func() *store.DB) {
		h := newHarness(t, open, Default())
		a := h.keeper(nil)
		a.keep(cacheOf("usual"), "x")
		a.keep(wire.ArchiveBegin{Nonce: core.NewID(), Kind: core.ArchiveWorkspace}, "x")
		a.keep(wire.ArchiveBegin{Nonce: core.NewID(), Kind: core.ArchiveTestResults}, "x")
		a.artifacts(1, "file")
		h.keeper(func(s *core.TaskSpec) { s.Plan.CacheRetention = 72 * time.Hour }).keep(cacheOf("wished"), "x")
		before := map[string]string{"cacheusual": "360h0m0s", "cachewished": "72h0m0s", "workspace": "360h0m0s", "test-results": "720h0m0s", "artifacts": "720h0m0s"}
		if diff := cmp.Diff(before, h.ends()); diff != "" {
			t.Fatalf("ends (-want +got):\n%s", diff)
		}
		h.advance(48 * time.Hour)
		h.restartAdjusted(func(c *Config) { c.KeepArtifacts, c.KeepWorkspaces = 1000*time.Hour, 0 },
			map[string]string{"cacheusual": "360h0m0s", "cachewished": "72h0m0s", "workspace": "never", "test-results": "1000h0m0s", "artifacts": "1000h0m0s"})
		h.restartAdjusted(func(c *Config) { c.KeepCaches, c.KeepWorkspaces = 24*time.Hour, 100*time.Hour },
			map[string]string{"cachewished": "72h0m0s", "workspace": "100h0m0s", "test-results": "1000h0m0s", "artifacts": "1000h0m0s"})
		h.restartAdjusted(func(*Config) {},
			map[string]string{"cachewished": "72h0m0s", "workspace": "100h0m0s", "test-results": "1000h0m0s", "artifacts": "1000h0m0s"})
	})
}
