// SPDX-License-Identifier: MPL-2.0

package output

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/testx"
	"github.com/muster-ci/muster/internal/wire"
)

// TestArchivesOnRealS3 has all kinds of archives on a real server: several
// parts, a part that is sent twice, ranges of artifacts over the ends of parts,
// commits of what is not there, and the end of it all.
func TestArchivesOnRealS3(t *testing.T) {
	server := testx.NewS3(t)
	h := onS3(t, server.Bucket(t, "muster"))
	a := h.keeper(func(s *core.TaskSpec) { s.Job = "j1" })

	large := strings.Repeat("a part of several megabytes, ", 200_000)
	a.keep(cacheOf("deps-1"), large, "and a short one")
	if got := h.keeper(nil).cache("deps-"); got != "deps-1="+large+"and a short one" {
		t.Errorf("the cache came back with %d bytes", len(got))
	}

	begun := a.begin(cacheOf("deps-2"))
	first := a.put(begun, "cut off in the midst", "second")
	again := a.put(begun, "as a whole")
	for name, parts := range map[string][]core.ArchivePart{
		"a part that was never sent": append(append([]core.ArchivePart{}, again[0], first[1]), first[1]),
		"the size of before":         first,
	} {
		if status := a.ask(wire.PathArchiveCommit, wire.ArchiveCommit{ID: begun.ID, Parts: parts, Plain: 1}, nil); status != http.StatusBadRequest {
			t.Errorf("a commit with %s: got %d, want 400", name, status)
		}
	}
	sends[wire.ArchiveCommitted](a, wire.PathArchiveCommit, wire.ArchiveCommit{ID: begun.ID, Parts: []core.ArchivePart{again[0], first[1]}, Plain: 1})
	if got := h.keeper(nil).cache("deps-2"); got != "deps-2=as a wholesecond" {
		t.Errorf("after a part was sent again: got %q", got)
	}

	a.artifacts(7, "log/a=abcdefghijklmnop", "empty=", "log/b=0123456789")
	for _, c := range []struct {
		path           string
		offset, length int64
		want           string
	}{
		{"log/a", 0, -1, "abcdefghijklmnop"}, {"log/a", 3, 8, "defghijk"}, {"log/a", 15, 100, "p"}, {"log/b", 2, 0, ""},
		{"log/b", 9, -1, "9"}, {"log/b", 10, -1, ""}, {"empty", 0, -1, ""},
	} {
		got, err := h.artifact(core.ArtifactRange{Job: "j1", Path: c.path, Offset: c.offset, Length: c.length})
		if got != c.want || err != nil {
			t.Errorf("%s from %d, %d bytes: got %q, %v; want %q", c.path, c.offset, c.length, got, err, c.want)
		}
	}

	h.advance(2 * time.Hour)
	h.swept(2, "removed")
	h.advance(time.Hour)
	h.swept(0, "removed")
	if n := len(h.archiveObjects()); n != 4 {
		t.Errorf("when the caches have gone the bucket has %d objects, want the 4 parts of the artifacts", n)
	}
}

// TestRealS3Away: while the server is away commits and sweeps are told to try
// again, and when it is back they are done with what was sent before.
func TestRealS3Away(t *testing.T) {
	server := testx.NewS3(t)
	h := onS3(t, server.Bucket(t, "muster"))
	a := h.keeper(nil)
	a.keep(cacheOf("old"), "x")
	begun := a.begin(cacheOf("k"))
	commit := wire.ArchiveCommit{ID: begun.ID, Parts: a.put(begun, "sent before", "the server went"), Plain: 1}

	server.Kill(t)
	if status := a.ask(wire.PathArchiveCommit, commit, nil); status != http.StatusServiceUnavailable {
		t.Errorf("a commit while it is away: got %d, want 503", status)
	}
	// Addresses are signed without it.
	urls := sends[wire.ArchiveURLs](a, wire.PathArchiveUpload, wire.ArchiveUpload{ID: begun.ID, Parts: []int{2}})
	if len(urls.URLs) != 1 {
		t.Errorf("got %+v, want one URL", urls)
	}

	server.Start(t)
	sends[wire.ArchiveCommitted](a, wire.PathArchiveCommit, commit)
	if got := h.keeper(nil).cache("k"); got != "k=sent beforethe server went" {
		t.Errorf("after it came back: got %q", got)
	}
	if n := len(h.archiveObjects()); n != 3 {
		t.Errorf("the bucket has %d objects, want 3", n)
	}
}

// TestRealS3GarbledPart: a bucket takes whatever comes, also by a URL that was
// signed before the commit. Whoever reads it is told, and gets none of it.
func TestRealS3GarbledPart(t *testing.T) {
	h := onS3(t, testx.NewS3(t).Bucket(t, "muster"))
	a := h.keeper(func(s *core.TaskSpec) { s.Job = "j1" })
	begun := a.begin(wire.ArchiveBegin{Kind: core.ArchiveArtifacts})
	address := sends[wire.ArchiveURLs](a, wire.PathArchiveUpload, wire.ArchiveUpload{ID: begun.ID, Parts: []int{0}}).URLs[0]
	parts := a.put(begun, "0123456789")
	sends[wire.ArchiveCommitted](a, wire.PathArchiveCommit, wire.ArchiveCommit{ID: begun.ID, Parts: parts, Plain: 10,
		Entries: []wire.ArchiveEntry{{Path: "a", Size: 10, SHA256: strings.Repeat("ab", 32)}}})
	all := core.ArtifactRange{Job: "j1", Path: "a", Length: -1}
	if got, err := h.artifact(all); got != "0123456789" || err != nil {
		t.Fatalf("before: got %q, %v", got, err)
	}

	request, err := http.NewRequest(http.MethodPut, address, strings.NewReader(strings.Repeat("x", int(parts[0].Size))))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Digest", "sha-256=:"+base64.StdEncoding.EncodeToString(make([]byte, 32))+":") // of something else
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	if response.Body.Close(); response.StatusCode != http.StatusOK {
		t.Fatalf("the bucket looks at Content-Digest: it answered %s; say so in docs/operate.md", response.Status)
	}
	if got, err := h.artifact(all); got != "" || err == nil {
		t.Errorf("of a part that was garbled: got %q, %v; want an error", got, err)
	}
}
