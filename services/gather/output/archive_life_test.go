// SPDX-License-Identifier: MPL-2.0

package output

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/sealed"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/store/storetest"
	"github.com/muster-ci/muster/internal/wire"
	"github.com/muster-ci/muster/services/gather/output/archive"
)

// TestFirstCommitOfAKeyWins lets many commit at once.
func TestFirstCommitOfAKeyWins(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "output", func(t *testing.T, open func() *store.DB) {
		h := newHarness(t, open, Config{})
		const writers = 8
		commits, agents := make([]wire.ArchiveCommit, writers), make([]*agent, writers)
		for i := range writers {
			agents[i] = h.keeper(nil)
			begun := agents[i].begin(cacheOf("key"))
			commits[i] = wire.ArchiveCommit{ID: begun.ID, Parts: agents[i].put(begun, fmt.Sprint(i)), Plain: 1}
		}
		answers := make([]wire.ArchiveCommitted, writers)
		var all sync.WaitGroup
		for i := range writers {
			all.Go(func() { answers[i] = sends[wire.ArchiveCommitted](agents[i], wire.PathArchiveCommit, commits[i]) })
		}
		all.Wait()
		winner := -1
		for i, answer := range answers {
			if again := sends[wire.ArchiveCommitted](agents[i], wire.PathArchiveCommit, commits[i]); !cmp.Equal(again, answer) {
				t.Errorf("writer %d: got %+v, then %+v", i, answer, again)
			}
			if !answer.Exists {
				if winner >= 0 {
					t.Errorf("both %d and %d won", winner, i)
				}
				winner = i
			}
		}
		if got, want := h.keeper(nil).cache("key"), fmt.Sprintf("key=%d", winner); got != want {
			t.Errorf("the cache is %q, want %q", got, want)
		}
	})
}

// TestArchivesSurviveKills ends the service between any two calls, and repeats
// each.
func TestArchivesSurviveKills(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "output", func(t *testing.T, open func() *store.DB) {
		h := newHarness(t, open, Config{})
		a := h.keeper(nil)
		in := wire.ArchiveBegin{Nonce: core.NewID(), Kind: core.ArchiveCache, Key: "k"}
		begun := a.begin(in)
		h.restart()
		if again := a.begin(in); !cmp.Equal(again, begun) {
			t.Fatalf("begun again: got %+v, want the same", again)
		}
		parts := a.put(begun, "one ", "two")
		h.restart()
		if again := a.put(begun, "one ", "two"); !cmp.Equal(again, parts) {
			t.Fatalf("sent again: got %+v, want %+v", again, parts)
		}
		for range 2 {
			sends[wire.ArchiveCommitted](a, wire.PathArchiveCommit, wire.ArchiveCommit{ID: begun.ID, Parts: parts, Plain: 7})
			h.restart()
		}
		if got := h.keeper(nil).cache("k"); got != "k=one two" {
			t.Errorf("got %q", got)
		}
	})
}

// TestLostAttemptKeepsNothing: an attempt that was given up cannot commit, though
// its agent lives on somewhere.
func TestLostAttemptKeepsNothing(t *testing.T) {
	t.Parallel()
	h := sqlite(t, Config{})
	a := h.keeper(nil)
	begun := a.begin(cacheOf("k"))
	parts := a.put(begun, "x")
	err := h.service.CloseAttempts(context.Background(), []core.AttemptClose{{Attempt: a.id, Status: core.JobInfrastructureFail, Reason: "the node was lost"}})
	if err != nil {
		t.Fatal(err)
	}
	if status := a.ask(wire.PathArchiveCommit, wire.ArchiveCommit{ID: begun.ID, Parts: parts}, nil); status != http.StatusGone {
		t.Errorf("a commit after it was given up: got %d, want 410", status)
	}
	if got := h.keeper(nil).cache("k"); got != "" {
		t.Errorf("a cache of a lost attempt is seen: %q", got)
	}
}

// fakeResults takes uploads, or is away.
type fakeResults struct {
	mu    sync.Mutex
	away  bool
	known map[core.ArchiveID]core.TestUpload
	came  chan struct{} // capacity 1: somebody called
	asked []core.TimingsFilter
}

func (f *fakeResults) AddResults(_ context.Context, uploads []core.TestUpload) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	defer func() {
		select {
		case f.came <- struct{}{}:
		default:
		}
	}()
	if f.away {
		return core.Errorf(core.CodeUnavailable, "results is away")
	}
	for _, u := range uploads {
		f.known[u.Archive] = u
	}
	return nil
}

func (f *fakeResults) set(away bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.away = away
}

func (f *fakeResults) upload(id core.ArchiveID) (core.TestUpload, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	u, ok := f.known[id]
	return u, ok
}

// TestResultsAreHandedOver: an outage of results only delays, and what it opens
// is the tar that the agent packed.
func TestResultsAreHandedOver(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "output", func(t *testing.T, open func() *store.DB) {
		h := newHarness(t, open, Config{})
		h.results.set(true)
		a := h.keeper(func(s *core.TaskSpec) {
			s.Job, s.Number, s.Index, s.WorkflowName = "j9", 12, 3, "main"
			s.Pipeline.ID, s.Pipeline.Number, s.Pipeline.Source.Branch = "pl", 7, "topic"
		})
		content := tarOf(t, "junit.xml", "<testsuite/>")
		packed := string(compressed(content))
		id, _ := a.keep(wire.ArchiveBegin{Kind: core.ArchiveTestResults}, packed[:10], packed[10:])
		at := h.now()
		<-h.results.came
		h.results.set(false)
		h.advance(time.Minute)
		for {
			h.hints.Notify(archive.HandoverTopic)
			<-h.results.came
			if _, ok := h.results.upload(id); ok {
				break
			}
		}
		got, _ := h.results.upload(id)
		want := core.TestUpload{
			Archive: id, Organization: "o1", Project: project, Pipeline: "pl", PipelineNumber: 7, Workflow: "w1", WorkflowName: "main",
			Job: "j9", JobName: "build", JobNumber: 12, Index: 3, Attempt: 1, Branch: "topic", At: at,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("upload (-want +got):\n%s", diff)
		}
		r, err := h.service.Archives().OpenArchive(context.Background(), id)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if data, err := io.ReadAll(r); err != nil || !bytes.Equal(data, content) {
			t.Errorf("got %d bytes, %v; want the tar of %d", len(data), err, len(content))
		}
	})
}

func tarOf(t *testing.T, name, content string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := w.WriteHeader(&tar.Header{Name: name, Size: int64(len(content)), Mode: 0o600}); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// archiveObjects are the objects of archives.
func (h *harness) archiveObjects() []string {
	h.t.Helper()
	var keys []string
	err := h.objects.List(context.Background(), "archives/", func(key string, _ int64, _ time.Time) error {
		keys = append(keys, key)
		return nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return keys
}

// swept waits until so many archives are in a state.
func (h *harness) swept(want int, state string) {
	h.t.Helper()
	deadline := time.After(time.Minute)
	for {
		n, err := h.service.deps.DB.NewSelect().TableExpr("archives").Where("state = ?", state).Count(context.Background())
		if err != nil {
			h.t.Fatal(err)
		}
		if int(n) == want {
			return
		}
		h.hints.Notify(archive.Topic)
		select {
		case <-deadline:
			h.t.Fatalf("got %d archives that are %s, want %d", n, state, want)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// TestArchivesAreRemoved: what expired, was cleared, or never committed goes with
// its objects, once no URL for it can be in use, and what is young stays.
func TestArchivesAreRemoved(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "output", func(t *testing.T, open func() *store.DB) {
		h := newHarness(t, open, Config{KeepCaches: 24 * time.Hour, KeepArtifacts: 48 * time.Hour})
		long, short := h.keeper(nil), h.keeper(func(s *core.TaskSpec) { s.Plan.CacheRetention = time.Hour })
		long.keep(cacheOf("long"), "a day")
		short.keep(cacheOf("short"), "an hour")
		long.artifacts(100, "a=1")
		open1, open2 := long.begin(cacheOf("open")), short.begin(cacheOf("ended"))
		long.put(open1, "of a task that runs")
		short.put(open2, "never committed")
		found := sends[wire.ArchiveFound](long, wire.PathArchiveFind, wire.ArchiveFind{Kind: core.ArchiveCache, Keys: []string{"short"}}).Archives[0]
		short.end()
		if n := len(h.archiveObjects()); n != 5 {
			t.Fatalf("got %d objects, want 5", n)
		}
		h.advance(61 * time.Minute)
		if got := long.cache("short"); got != "" {
			t.Errorf("after an hour: got %q", got)
		}
		if got := long.get(found); got != "an hour" {
			t.Errorf("a task that was reading it got %q", got)
		}
		h.swept(2, "removed")
		if n := len(h.archiveObjects()); n != 5 {
			t.Errorf("while URLs may be in use: got %d objects, want 5", n)
		}
		h.advance(21 * time.Minute)
		h.swept(0, "removed")
		h.swept(2, "committed")
		h.swept(1, "open")
		if got := long.cache("long"); got != "long=a day" {
			t.Errorf("the young one: got %q", got)
		}
		long.end()
		h.advance(49 * time.Hour)
		h.swept(3, "removed")
		h.advance(21 * time.Minute)
		h.swept(0, "removed")
		if keys := h.archiveObjects(); len(keys) != 0 {
			t.Errorf("objects are left: %v", keys)
		}
		if n, err := h.service.deps.DB.NewSelect().TableExpr("artifacts").Count(context.Background()); n != 0 || err != nil {
			t.Errorf("%d artifacts are left, %v", n, err)
		}
	})
}

// TestSecretsOfArchivesAreSealed looks for the key in the table.
func TestSecretsOfArchivesAreSealed(t *testing.T) {
	t.Parallel()
	h := sqlite(t, Config{})
	begun := h.keeper(nil).begin(cacheOf("k"))
	if len(begun.Secret) != sealed.KeySize {
		t.Fatalf("the key has %d bytes", len(begun.Secret))
	}
	var stored string
	if err := h.service.deps.DB.NewSelect().TableExpr("archives").Column("secret").Scan(context.Background(), &stored); err != nil {
		t.Fatal(err)
	}
	if stored == "" || strings.Contains(stored, string(begun.Secret)) || strings.Contains(stored, hex.EncodeToString(begun.Secret)) {
		t.Errorf("the table has %q", stored)
	}
}
