// SPDX-License-Identifier: MPL-2.0

package output

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/sealed"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/store/storetest"
	"github.com/muster-ci/muster/internal/wire"
)

const project = core.ProjectID("p1")

// keeper places and claims an attempt of a task for archives.
func (h *harness) keeper(change func(*core.TaskSpec)) *agent {
	h.t.Helper()
	a := &agent{h: h, id: core.NewAttemptID(), task: core.TaskID(core.NewID()), allocation: core.NewID()}
	spec := core.TaskSpec{Task: a.task, Job: core.JobID(core.NewID()), Workflow: "w1"}
	spec.Pipeline.Project.ID, spec.Pipeline.Project.Organization.ID = project, "o1"
	spec.Plan.Name = "build"
	if change != nil {
		change(&spec)
	}
	a.task = spec.Task
	number := 1 + h.placements.attempts(a.task)
	h.placements.place(a.id, a.allocation, core.ClaimedTask{Attempt: core.Attempt{ID: a.id, Task: a.task, Number: number}, Spec: spec})
	a.claim()
	return a
}

// attempts is how many attempts of a task were placed.
func (p *fakePlacements) attempts(id core.TaskID) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, t := range p.tasks {
		if t.Attempt.Task == id {
			n++
		}
	}
	return n
}

// ask makes a call about archives and returns its status.
func (a *agent) ask(path string, in, out any) int {
	a.h.t.Helper()
	return a.h.call(http.MethodPost, path, a.token, in, out)
}

// sends asks and wants it to go well.
func sends[Out any](a *agent, path string, in any) Out {
	a.h.t.Helper()
	var out Out
	var refused wire.Error
	if status := a.ask(path, in, &out); status != http.StatusOK {
		a.ask(path, in, &refused)
		a.h.t.Fatalf("%s: got %d (%s), want 200", path, status, refused.Message)
	}
	return out
}

func (a *agent) begin(in wire.ArchiveBegin) wire.ArchiveBegun {
	a.h.t.Helper()
	if in.Nonce == "" {
		in.Nonce = core.NewID()
	}
	return sends[wire.ArchiveBegun](a, wire.PathArchiveBegin, in)
}

// put sends parts through signed URLs, sealed, and returns what a commit names.
func (a *agent) put(begun wire.ArchiveBegun, parts ...string) []core.ArchivePart {
	a.h.t.Helper()
	ask := wire.ArchiveUpload{ID: begun.ID}
	for i := range parts {
		ask.Parts = append(ask.Parts, i)
	}
	urls := sends[wire.ArchiveURLs](a, wire.PathArchiveUpload, ask).URLs
	for i := range urls {
		urls[i] = a.h.absolute(urls[i])
	}
	return a.putTo(begun, urls, parts...)
}

// absolute is a signed URL as an agent uses it.
func (h *harness) absolute(url string) string {
	if strings.HasPrefix(url, "/") {
		return h.server.URL + url
	}
	return url
}

// putTo sends parts to their URLs.
func (a *agent) putTo(begun wire.ArchiveBegun, urls []string, parts ...string) []core.ArchivePart {
	a.h.t.Helper()
	box, err := sealed.New(begun.Secret)
	if err != nil {
		a.h.t.Fatal(err)
	}
	named := make([]core.ArchivePart, len(parts))
	for i, plain := range parts {
		data := box.Seal(nil, i, []byte(plain))
		request, err := http.NewRequest(http.MethodPut, urls[i], bytes.NewReader(data))
		if err != nil {
			a.h.t.Fatal(err)
		}
		response, err := a.h.server.Client().Do(request)
		if err != nil {
			a.h.t.Fatal(err)
		}
		if response.Body.Close(); response.StatusCode != http.StatusOK {
			a.h.t.Fatalf("PUT of part %d: got %s", i, response.Status)
		}
		sum := sha256.Sum256(data)
		named[i] = core.ArchivePart{Size: int64(len(data)), SHA256: hex.EncodeToString(sum[:]), Plain: int64(len(plain))}
	}
	return named
}

// keep keeps an archive of the given parts.
func (a *agent) keep(in wire.ArchiveBegin, parts ...string) (core.ArchiveID, wire.ArchiveCommitted) {
	a.h.t.Helper()
	begun := a.begin(in)
	if begun.Exists {
		return "", wire.ArchiveCommitted{Exists: true}
	}
	commit := wire.ArchiveCommit{ID: begun.ID, Parts: a.put(begun, parts...), Plain: 1, Files: 1}
	return begun.ID, sends[wire.ArchiveCommitted](a, wire.PathArchiveCommit, commit)
}

// get reads a found archive through signed URLs.
func (a *agent) get(found wire.FoundArchive) string {
	a.h.t.Helper()
	box, err := sealed.New(found.Secret)
	if err != nil {
		a.h.t.Fatal(err)
	}
	var all []byte
	for i := range found.Parts {
		url := sends[wire.ArchiveURLs](a, wire.PathArchiveDownload, wire.ArchiveDownload{ID: found.ID, Parts: []int{i}}).URLs[0]
		response, err := a.h.server.Client().Get(a.h.absolute(url))
		if err != nil {
			a.h.t.Fatal(err)
		}
		data, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil || response.StatusCode != http.StatusOK {
			a.h.t.Fatalf("GET of part %d: got %d, %v", i, response.StatusCode, err)
		}
		if all, err = box.Open(all, i, data); err != nil {
			a.h.t.Fatal(err)
		}
	}
	return string(all)
}

// cache looks for a cache and returns its key and what is in it.
func (a *agent) cache(keys ...string) string {
	a.h.t.Helper()
	found := sends[wire.ArchiveFound](a, wire.PathArchiveFind, wire.ArchiveFind{Kind: core.ArchiveCache, Keys: keys})
	if len(found.Archives) == 0 {
		return ""
	}
	return found.Archives[0].Key + "=" + a.get(found.Archives[0])
}

func cacheOf(key string) wire.ArchiveBegin {
	return wire.ArchiveBegin{Kind: core.ArchiveCache, Key: key}
}

// TestCaches: prefix and order of keys, the newest wins, a key is written once.
func TestCaches(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "output", func(t *testing.T, open func() *store.DB) {
		h := newHarness(t, open, Config{})
		a := h.keeper(nil)
		if got := a.cache("deps-"); got != "" {
			t.Errorf("nothing is kept: got %q", got)
		}
		a.keep(cacheOf("deps-main-1"), "one, ", "in two parts")
		h.advance(1e9)
		a.keep(cacheOf("deps-main-2"), "two")
		h.advance(1e9)
		a.keep(cacheOf("other_%"), "three")
		if _, got := a.keep(cacheOf("deps-main-1"), "again"); !got.Exists {
			t.Errorf("the same key again: got %+v, want exists", got)
		}
		b := h.keeper(nil) // another job
		for _, c := range []struct {
			keys []string
			want string
		}{
			{[]string{"deps-main-1"}, "deps-main-1=one, in two parts"},
			{[]string{"deps-"}, "deps-main-2=two"},
			{[]string{"nothing", "deps-main-1", "other"}, "deps-main-1=one, in two parts"},
			{[]string{"other_"}, "other_%=three"},
			{[]string{"other%"}, ""},
			{[]string{"DEPS-"}, ""},
			{[]string{"deps-main-1-longer"}, ""},
		} {
			if got := b.cache(c.keys...); got != c.want {
				t.Errorf("%v: got %q, want %q", c.keys, got, c.want)
			}
		}
	})
}

// TestWorkspace: layers of the jobs upstream, in order, of the attempts that
// count.
func TestWorkspace(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "output", func(t *testing.T, open func() *store.DB) {
		h := newHarness(t, open, Config{})
		layer := func(job core.JobID, index int, task core.TaskID, content string, status core.JobStatus) {
			a := h.keeper(func(s *core.TaskSpec) { s.Job, s.Index, s.Task, s.Plan.Name = job, index, task, string(job) })
			a.keep(wire.ArchiveBegin{Kind: core.ArchiveWorkspace}, content)
			h.advance(1e9)
			if status.Ended() {
				a.tell(wire.Event{Type: wire.TaskEnded, Status: status})
			}
		}
		layer("test", 1, "test/1", "test 1", core.JobSuccess)
		layer("build", 0, "build/0", "lost", core.JobInfrastructureFail)
		layer("build", 0, "build/0", "build", core.JobSuccess)
		layer("test", 0, "test/0", "test 0", core.JobFailed)
		layer("lint", 0, "lint/0", "canceled", core.JobCanceled)
		layer("slow", 0, "slow/0", "still running", core.JobRunning)
		layer("elsewhere", 0, "elsewhere/0", "not upstream", core.JobSuccess)
		a := h.keeper(func(s *core.TaskSpec) {
			s.Upstream = []core.UpstreamJob{{Job: "build"}, {Job: "lint"}, {Job: "slow"}, {Job: "test", Requires: []int{0, 1}}}
		})
		found := sends[wire.ArchiveFound](a, wire.PathArchiveFind, wire.ArchiveFind{Kind: core.ArchiveWorkspace})
		var got []string
		for _, f := range found.Archives {
			got = append(got, fmt.Sprintf("%s/%d %s above %v", f.Job, f.Index, a.get(f), f.Upstream))
		}
		want := []string{"build/0 build above []", "test/0 test 0 above [0]", "test/1 test 1 above [0]"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("layers (-want +got):\n%s", diff)
		}
	})
}

// TestArchiveRefusals: what a commit must not say, and whose tokens are good for
// what.
func TestArchiveRefusals(t *testing.T) {
	t.Parallel()
	h := sqlite(t, Config{})
	a, other := h.keeper(nil), h.keeper(nil)
	begun := a.begin(wire.ArchiveBegin{Kind: core.ArchiveArtifacts})
	parts := a.put(begun, "0123456789")
	entry := func(path string, offset, size int64) []wire.ArchiveEntry {
		return []wire.ArchiveEntry{{Path: path, Offset: offset, Size: size, SHA256: strings.Repeat("ab", 32)}}
	}
	good := wire.ArchiveCommit{ID: begun.ID, Parts: parts, Plain: 10, Entries: entry("log/a.txt", 2, 8)}
	with := func(change func(*wire.ArchiveCommit)) wire.ArchiveCommit {
		c := good
		c.Parts = append([]core.ArchivePart{}, parts...)
		change(&c)
		return c
	}
	refused := map[string]wire.ArchiveCommit{
		"more parts than sent": with(func(c *wire.ArchiveCommit) { c.Parts = append(c.Parts, parts[0]); c.Plain = 20 }),
		"another size":         with(func(c *wire.ArchiveCommit) { c.Parts[0].Size++ }),
		"no digest":            with(func(c *wire.ArchiveCommit) { c.Parts[0].SHA256 = "" }),
		"a part too large":     with(func(c *wire.ArchiveCommit) { c.Parts[0].Size = wire.MaxArchivePart + 1 }),
		"other plain bytes":    with(func(c *wire.ArchiveCommit) { c.Plain = 11 }),
		"a file outside":       with(func(c *wire.ArchiveCommit) { c.Entries = entry("a", 3, 8) }),
		"a sum that overflows": with(func(c *wire.ArchiveCommit) { c.Entries = entry("a", 1<<62, 1<<62) }),
		"no files":             with(func(c *wire.ArchiveCommit) { c.Entries = nil }),
		"a file twice":         with(func(c *wire.ArchiveCommit) { c.Entries = append(entry("a", 0, 1), entry("a", 1, 1)...) }),
	}
	for _, path := range []string{"", ".", "..", "/etc/passwd", "../a", "a/../../b", "a/./b", "a//b", "a/", "a\x00b", strings.Repeat("a/", 2048) + "a"} {
		refused[fmt.Sprintf("the path %.20q", path)] = with(func(c *wire.ArchiveCommit) { c.Entries = entry(path, 0, 1) })
	}
	for name, commit := range refused {
		if status := a.ask(wire.PathArchiveCommit, commit, nil); status != http.StatusBadRequest {
			t.Errorf("%s: got %d, want 400", name, status)
		}
	}
	if status := other.ask(wire.PathArchiveCommit, good, nil); status != http.StatusNotFound {
		t.Errorf("the commit of another attempt: got %d, want 404", status)
	}
	if status := other.ask(wire.PathArchiveUpload, wire.ArchiveUpload{ID: begun.ID, Parts: []int{0}}, nil); status != http.StatusNotFound {
		t.Errorf("an upload of another attempt: got %d, want 404", status)
	}
	for range 2 {
		sends[wire.ArchiveCommitted](a, wire.PathArchiveCommit, good)
	}
	if status := a.ask(wire.PathArchiveCommit, with(func(c *wire.ArchiveCommit) { c.Entries = entry("b", 0, 1) }), nil); status != http.StatusConflict {
		t.Errorf("another commit of the same: got %d, want 409", status)
	}
	if status := a.ask(wire.PathArchiveUpload, wire.ArchiveUpload{ID: begun.ID, Parts: []int{0}}, nil); status != http.StatusConflict {
		t.Errorf("an upload after the commit: got %d, want 409", status)
	}
	if status := a.ask(wire.PathArchiveBegin, wire.ArchiveBegin{Kind: "picture", Nonce: core.NewID()}, nil); status != http.StatusBadRequest {
		t.Errorf("an unknown kind: got %d, want 400", status)
	}
	a.end()
	for path, in := range map[string]any{
		wire.PathArchiveBegin: wire.ArchiveBegin{Kind: core.ArchiveArtifacts, Nonce: core.NewID()},
		wire.PathArchiveFind:  wire.ArchiveFind{Kind: core.ArchiveCache, Keys: []string{"k"}},
	} {
		if status := a.ask(path, in, nil); status != http.StatusGone {
			t.Errorf("%s after the end: got %d, want 410", path, status)
		}
	}
}
