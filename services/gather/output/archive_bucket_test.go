// SPDX-License-Identifier: MPL-2.0

package output

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/objects"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/store/storetest"
	"github.com/muster-ci/muster/internal/testx"
	"github.com/muster-ci/muster/internal/wire"
	"github.com/muster-ci/muster/services/gather/output/archive"
)

// bucket is an S3 server in memory that can be away.
type bucket struct {
	*httptest.Server
	away    atomic.Bool
	refused chan struct{} // one for each request while it is away
}

func newBucket(t *testing.T) *bucket {
	t.Helper()
	backend := s3mem.New()
	if err := backend.CreateBucket("muster"); err != nil {
		t.Fatal(err)
	}
	b := &bucket{refused: make(chan struct{}, 1)}
	inner := gofakes3.New(backend).Server()
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if b.away.Load() {
			// Not a 503, which the SDK would repeat for a while.
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, `<Error><Code>AccessDenied</Code><Message>no</Message></Error>`)
			select {
			case b.refused <- struct{}{}:
			default:
			}
			return
		}
		inner.ServeHTTP(w, r)
	}))
	t.Cleanup(b.Close)
	return b
}

// onBucket is a harness whose objects are in such a bucket.
func onBucket(t *testing.T) (*harness, *bucket) {
	t.Helper()
	b := newBucket(t)
	return onS3(t, "s3://muster?region=us-east-1&s3ForcePathStyle=true&endpoint="+url.QueryEscape(b.URL)), b
}

// onS3 is a harness whose objects are at an address. The AWS SDK takes its
// credentials from the environment, so that these tests run one by one.
func onS3(t *testing.T, address string) *harness {
	t.Helper()
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": testx.S3AccessKey, "AWS_SECRET_ACCESS_KEY": testx.S3SecretKey, "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_MAX_ATTEMPTS": "1",
	} {
		t.Setenv(name, value)
	}
	s, err := objects.Open(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	db := storetest.Open(t, "output")
	h := newHarness(t, func() *store.DB { return db }, Config{KeepCaches: time.Hour})
	h.kill()
	h.objects.Close()
	h.objects = s
	h.start()
	return h
}

// TestArchivesInABucket: the URLs lead to the bucket and nowhere else, and what
// is in it is of no use by itself.
func TestArchivesInABucket(t *testing.T) {
	h, b := onBucket(t)
	a := h.keeper(nil)
	begun := a.begin(cacheOf("k"))
	urls := sends[wire.ArchiveURLs](a, wire.PathArchiveUpload, wire.ArchiveUpload{ID: begun.ID, Parts: []int{0}})
	if !strings.HasPrefix(urls.URLs[0], b.URL+"/muster/archives/") || urls.Seconds != 900 {
		t.Fatalf("got %+v, want URLs of the bucket", urls)
	}
	parts := a.putTo(begun, urls.URLs, "plain text of a cache")
	sends[wire.ArchiveCommitted](a, wire.PathArchiveCommit, wire.ArchiveCommit{ID: begun.ID, Parts: parts, Plain: 21})
	found := sends[wire.ArchiveFound](h.keeper(nil), wire.PathArchiveFind, wire.ArchiveFind{Kind: core.ArchiveCache, Keys: []string{"k"}}).Archives[0]
	download := sends[wire.ArchiveURLs](a, wire.PathArchiveDownload, wire.ArchiveDownload{ID: found.ID, Parts: []int{0}}).URLs[0]
	response, err := http.Get(download)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var stored bytes.Buffer
	if _, err := stored.ReadFrom(response.Body); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("fetching the part: %d, %v", response.StatusCode, err)
	}
	if strings.Contains(stored.String(), "plain") || int64(stored.Len()) != found.Parts[0].Size {
		t.Errorf("the bucket has %d bytes %q", stored.Len(), stored.String())
	}
	h.advance(2 * time.Hour)
	h.swept(1, "removed")
	b.away.Store(true)
	h.advance(time.Hour)
	for range 25 { // more than the tries after which a row is set aside
		h.sweepUntil(b.refused)
		h.advance(6 * time.Minute)
	}
	if rows, err := h.service.stuck.ListStuck(context.Background(), core.StuckFilter{}); err != nil || len(rows) != 0 {
		t.Errorf("an outage of the bucket set rows aside: %+v, %v", rows, err)
	}
	b.away.Store(false)
	h.advance(6 * time.Minute)
	h.swept(0, "removed")
}

// sweepUntil has the sweeper look until something comes of it.
func (h *harness) sweepUntil(came <-chan struct{}) {
	h.t.Helper()
	deadline := time.After(time.Minute)
	for {
		h.hints.Notify(archive.Topic)
		select {
		case <-came:
			return
		case <-deadline:
			h.t.Fatal("the sweeper does not try any more")
		case <-time.After(20 * time.Millisecond): // the hint came before the row was due
		}
	}
}

// TestCommitWhileTheBucketIsAway is told as something to try again.
func TestCommitWhileTheBucketIsAway(t *testing.T) {
	h, b := onBucket(t)
	a := h.keeper(nil)
	begun := a.begin(cacheOf("k"))
	urls := sends[wire.ArchiveURLs](a, wire.PathArchiveUpload, wire.ArchiveUpload{ID: begun.ID, Parts: []int{0}})
	commit := wire.ArchiveCommit{ID: begun.ID, Parts: a.putTo(begun, urls.URLs, "x"), Plain: 1}
	b.away.Store(true)
	if status := a.ask(wire.PathArchiveCommit, commit, nil); status != http.StatusServiceUnavailable {
		t.Errorf("got %d, want 503", status)
	}
	b.away.Store(false)
	sends[wire.ArchiveCommitted](a, wire.PathArchiveCommit, commit)
}
