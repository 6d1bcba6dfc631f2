// SPDX-License-Identifier: MPL-2.0

package output

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/store/storetest"
	"github.com/muster-ci/muster/internal/wire"
)

// artifacts keeps files, whose bytes are cut into parts of a size.
func (a *agent) artifacts(partSize int, files ...string) wire.ArchiveCommitted {
	a.h.t.Helper()
	var all string
	commit := wire.ArchiveCommit{}
	for _, file := range files {
		path, content, _ := strings.Cut(file, "=")
		sum := sha256.Sum256([]byte(content))
		commit.Entries = append(commit.Entries, wire.ArchiveEntry{
			Path: path, Offset: int64(len(all)), Size: int64(len(content)), SHA256: hex.EncodeToString(sum[:]),
		})
		all += content
	}
	commit.Plain = int64(len(all))
	var parts []string
	for len(all) > 0 {
		n := min(partSize, len(all))
		parts, all = append(parts, all[:n]), all[n:]
	}
	begun := a.begin(wire.ArchiveBegin{Kind: core.ArchiveArtifacts})
	commit.ID = begun.ID
	if len(parts) > 0 {
		commit.Parts = a.put(begun, parts...)
	}
	first := sends[wire.ArchiveCommitted](a, wire.PathArchiveCommit, commit)
	if again := sends[wire.ArchiveCommitted](a, wire.PathArchiveCommit, commit); !cmp.Equal(first, again) {
		a.h.t.Errorf("a commit that is repeated: got %+v, want %+v", again, first)
	}
	return first
}

// listed are a job's artifacts, page by page.
func (h *harness) listed(job core.JobID, limit int) []string {
	h.t.Helper()
	got := []string{}
	page := core.Page{Limit: limit}
	for {
		list, err := h.service.Archives().ListArtifacts(context.Background(), core.ArtifactQuery{Job: job, Page: page})
		if err != nil {
			h.t.Fatal(err)
		}
		for _, f := range list.Items {
			got = append(got, fmt.Sprintf("%d/%s %d", f.Index, f.Path, f.Size))
		}
		if list.Next == "" {
			return got
		}
		page.Token = list.Next
	}
}

func (h *harness) artifact(want core.ArtifactRange) (string, error) {
	r, err := h.service.Archives().ReadArtifact(context.Background(), want)
	if err != nil {
		return "", err
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	return string(data), err
}

// TestArtifacts: pages, ranges over parts, what is kept first stays, and of a
// task that was tried twice the last attempt's.
func TestArtifacts(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "output", func(t *testing.T, open func() *store.DB) {
		h := newHarness(t, open, Config{})
		const job = core.JobID("j1")
		task := func(index int) *agent {
			return h.keeper(func(s *core.TaskSpec) {
				s.Job, s.Index, s.Task = job, index, core.TaskID(fmt.Sprintf("j1/%d", index))
			})
		}
		lost, a, b := task(0), task(0), task(1)
		lost.artifacts(100, "lost=1", "log=of the first attempt")
		a.artifacts(7, "log/b=0123456789", "log/a=abcdefghijklmnop", "empty=", "ünï códe?.html=<script>")
		b.artifacts(1000, "log/b=of the second task")
		if got := a.artifacts(7, "log/b=again", "more=x"); !cmp.Equal(got.Skipped, []string{"log/b"}) {
			t.Errorf("a path that was there: got %+v, want it named", got)
		}
		want := []string{"0/empty 0", "0/log/a 16", "0/log/b 10", "0/more 1", "0/ünï códe?.html 8", "1/log/b 18"}
		for _, limit := range []int{1, 2, 5, 6, 0} {
			if diff := cmp.Diff(want, h.listed(job, limit)); diff != "" {
				t.Errorf("pages of %d (-want +got):\n%s", limit, diff)
			}
		}
		for _, c := range []struct {
			path           string
			offset, length int64
			want           string
		}{
			{"log/b", 0, -1, "0123456789"}, {"log/b", 3, 4, "3456"}, {"log/b", 9, 100, "9"}, {"log/b", 10, -1, ""}, {"log/b", 2, 0, ""},
			{"log/a", 0, -1, "abcdefghijklmnop"}, {"log/a", 3, 8, "defghijk"}, {"empty", 0, -1, ""}, {"more", 0, -1, "x"}, {"ünï códe?.html", 1, 6, "script"},
		} {
			got, err := h.artifact(core.ArtifactRange{Job: job, Path: c.path, Offset: c.offset, Length: c.length})
			if got != c.want || err != nil {
				t.Errorf("%s from %d, %d bytes: got %q, %v; want %q", c.path, c.offset, c.length, got, err, c.want)
			}
		}
		for _, bad := range []core.ArtifactRange{{Job: job, Path: "lost", Length: -1}, {Job: job, Path: "../log/b"}, {Job: job, Index: 7, Path: "log/b"}, {Job: "j2", Path: "log/b"}} {
			if got, err := h.artifact(bad); core.ErrorCode(err) != core.CodeNotFound {
				t.Errorf("%+v: got %q, %v; want not found", bad, got, err)
			}
		}
		if _, err := h.artifact(core.ArtifactRange{Job: job, Path: "log/b", Offset: 11}); core.ErrorCode(err) != core.CodeInvalid {
			t.Errorf("from behind the end: got %v, want invalid", err)
		}
	})
}

// TestCachesForPeople lists and clears.
func TestCachesForPeople(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "output", func(t *testing.T, open func() *store.DB) {
		h := newHarness(t, open, Config{KeepCaches: time.Hour})
		ctx := context.Background()
		for i, key := range []string{"go-1", "go-2", "npm-1"} {
			h.keeper(nil).keep(cacheOf(key), strings.Repeat("x", i))
			h.advance(time.Second)
		}
		h.keeper(func(s *core.TaskSpec) { s.Pipeline.Source.Fork = "gh/fork/site" }).keep(cacheOf("go-1"), "x")
		h.keeper(func(s *core.TaskSpec) { s.Pipeline.Project.ID = "p2" }).keep(cacheOf("go-1"), "x")
		list := func(prefix string, limit int) []string {
			t.Helper()
			var got []string
			page := core.Page{Limit: limit}
			for {
				l, err := h.service.Archives().ListCaches(ctx, core.CacheQuery{Project: project, Prefix: prefix, Page: page})
				if err != nil {
					t.Fatal(err)
				}
				for _, c := range l.Items {
					got = append(got, c.Key+c.Fork)
				}
				if l.Next == "" {
					return got
				}
				page.Token = l.Next
			}
		}
		all := []string{"go-1gh/fork/site", "npm-1", "go-2", "go-1"}
		for _, limit := range []int{1, 3, 0} {
			if diff := cmp.Diff(all, list("", limit)); diff != "" {
				t.Errorf("pages of %d (-want +got):\n%s", limit, diff)
			}
		}
		if n, err := h.service.Archives().ClearCaches(ctx, core.CacheQuery{Project: project, Prefix: "go-"}); n != 3 || err != nil {
			t.Errorf("clearing: got %d, %v; want 3", n, err)
		}
		if got := list("", 0); !cmp.Equal(got, []string{"npm-1"}) {
			t.Errorf("after clearing: got %v", got)
		}
		if got := h.keeper(func(s *core.TaskSpec) { s.Pipeline.Project.ID = "p2" }).cache("go"); got != "go-1=x" {
			t.Errorf("another project's: got %q", got)
		}
		if _, got := h.keeper(nil).keep(cacheOf("go-1"), "anew"); got.Exists {
			t.Error("a cleared key cannot be written again")
		}
		h.advance(2 * time.Hour)
		if got := list("", 0); got != nil {
			t.Errorf("after two hours: got %v, want none", got)
		}
		if _, got := h.keeper(nil).keep(cacheOf("npm-1"), "anew"); got.Exists {
			t.Error("an expired key cannot be written again")
		}
	})
}
