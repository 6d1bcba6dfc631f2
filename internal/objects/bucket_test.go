// SPDX-License-Identifier: MPL-2.0

package objects_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/objects"
	"github.com/muster-ci/muster/internal/objects/objectstest"
	"github.com/muster-ci/muster/internal/testx"
)

// checksums has the SDK send and check what it does with AWS itself.
const checksums = "&request_checksum_calculation=when_supported&response_checksum_validation=when_supported"

func TestRealS3Conformance(t *testing.T) {
	t.Parallel()
	server := testx.NewS3(t)
	for name, more := range map[string]string{"usual": "", "checksums": checksums} {
		var buckets atomic.Int64
		t.Run(name, func(t *testing.T) {
			// See TestRealS3DeletesAndPuts.
			objectstest.Run(t, func(t *testing.T) *objects.Store {
				return open(t, server.Bucket(t, fmt.Sprintf("%s-%d", name, buckets.Add(1)))+more)
			}, objectstest.DeleteAndPut)
		})
	}
}

// TestRealS3DeletesAndPuts is for servers that keep a bucket in folders and
// remove a folder with its last object: what is put there in that moment may be
// refused. The caller is told that it can try again, and then it is kept.
func TestRealS3DeletesAndPuts(t *testing.T) {
	t.Parallel()
	s := open(t, testx.NewS3(t).Bucket(t, "muster"))
	var done sync.WaitGroup
	for i := range 4 {
		done.Go(func() {
			key := fmt.Sprintf("x/y/z/%d", i)
			for range 25 {
				err := s.Put(t.Context(), key, strings.NewReader(key))
				for try := 0; try < 100 && core.ErrorCode(err) == core.CodeUnavailable; try++ {
					err = s.Put(t.Context(), key, strings.NewReader(key))
				}
				if err != nil {
					t.Errorf("putting: %v", err)
				}
				if size, err := s.Size(t.Context(), key); err != nil || size != int64(len(key)) {
					t.Errorf("after a put: got %d bytes, %v", size, err)
				}
				if err := s.Delete(t.Context(), key); err != nil {
					t.Errorf("deleting: %v", err)
				}
			}
		})
	}
	done.Wait()
}

// TestRealS3SignedURLsCannotBeChanged: a URL is good for the one object, the one
// method and its time.
func TestRealS3SignedURLsCannotBeChanged(t *testing.T) {
	t.Parallel()
	s := open(t, testx.NewS3(t).Bucket(t, "muster"))
	for _, key := range []string{"a/mine", "a/other"} {
		if err := s.Put(t.Context(), key, strings.NewReader(key)); err != nil {
			t.Fatal(err)
		}
	}
	signed, err := s.SignedURL(t.Context(), "a/mine", http.MethodGet, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if got := status(t, http.MethodGet, signed); got != http.StatusOK {
		t.Fatalf("a signed URL: got status %d", got)
	}
	for _, method := range []string{http.MethodPut, http.MethodDelete, http.MethodHead} {
		if got := status(t, method, signed); got != http.StatusForbidden {
			t.Errorf("%s on a URL signed for GET: got status %d", method, got)
		}
	}
	for name, change := range map[string]func(*url.URL, url.Values){
		"another object": func(u *url.URL, _ url.Values) { u.Path = "/muster/a/other" },
		"the bucket":     func(u *url.URL, _ url.Values) { u.Path = "/muster" },
		"a longer life":  func(_ *url.URL, q url.Values) { q.Set("X-Amz-Expires", "3600") },
		"another time": func(_ *url.URL, q url.Values) {
			q.Set("X-Amz-Date", time.Now().Add(time.Second).UTC().Format("20060102T150405Z"))
		},
		"a signature":  func(_ *url.URL, q url.Values) { q.Set("X-Amz-Signature", strings.Repeat("ab", 32)) },
		"no signature": func(_ *url.URL, q url.Values) { clear(q) },
	} {
		u, err := url.Parse(signed)
		if err != nil {
			t.Fatal(err)
		}
		query := u.Query()
		change(u, query)
		u.RawQuery = query.Encode()
		if got := status(t, http.MethodGet, u.String()); got != http.StatusForbidden {
			t.Errorf("with %s: got status %d", name, got)
		}
	}
	if got := status(t, http.MethodGet, presigned(t, signed, time.Now().Add(-20*time.Second))); got != http.StatusOK {
		t.Errorf("a URL that was signed 20 seconds ago: got status %d", got)
	}
	if got := status(t, http.MethodGet, presigned(t, signed, time.Now().Add(-2*time.Minute))); got != http.StatusForbidden {
		t.Errorf("a URL that has expired: got status %d", got)
	}
}

// presigned signs the same for a minute as if it were another time.
func presigned(t *testing.T, address string, at time.Time) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.URL.RawQuery = "X-Amz-Expires=60"
	key := aws.Credentials{AccessKeyID: testx.S3AccessKey, SecretAccessKey: testx.S3SecretKey}
	signed, _, err := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true }).
		PresignHTTP(t.Context(), key, request, "UNSIGNED-PAYLOAD", "s3", "us-east-1", at)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// TestRealS3WrongKey: whoever operates the platform reads what is wrong, and
// nobody takes it for objects that are gone. The SDK takes keys from the
// environment, so that this is not parallel.
func TestRealS3WrongKey(t *testing.T) {
	server := testx.NewS3(t)
	address := server.Bucket(t, "muster")
	if err := open(t, address).Put(t.Context(), "a", strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(name, "not-the-one")
			s := open(t, address)
			_, errGet := s.Get(t.Context(), "a")
			_, errSize := s.Size(t.Context(), "a")
			errList := s.List(t.Context(), "", func(string, int64, time.Time) error { return nil })
			for what, err := range map[string]error{
				"get": errGet, "size": errSize, "list": errList, "delete": s.Delete(t.Context(), "a"),
				"put": s.Put(t.Context(), "a", bytes.NewReader([]byte("y"))),
			} {
				wantUnavailable(t, err)
				if err != nil && !strings.Contains(err.Error(), "refuses this service's credentials") {
					t.Errorf("%s: got %v", what, err)
				}
			}
			signed, err := s.SignedURL(t.Context(), "a", http.MethodGet, time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			if got := status(t, http.MethodGet, signed); got/100 != 4 {
				t.Errorf("a URL signed with a wrong key: got status %d", got)
			}
		})
	}
}

// TestRealS3Away: a server that is not there, and one without the bucket, cannot
// be used now; when it is back it has what was put.
func TestRealS3Away(t *testing.T) {
	t.Parallel()
	server := testx.NewS3(t)
	s, nowhere := open(t, server.Bucket(t, "muster")), open(t, s3Address("not-there", server.Endpoint, ""))
	content := bytes.Repeat([]byte("0123456789"), 2_000_000) // parts of S3's own
	if err := s.Put(t.Context(), "a/b", bytes.NewReader(content)); err != nil {
		t.Fatal(err)
	}
	_, err := nowhere.Get(t.Context(), "a/b")
	wantUnavailable(t, err)
	wantUnavailable(t, nowhere.Put(t.Context(), "a/b", http.NoBody))
	_, err = nowhere.Size(t.Context(), "a/b")
	wantUnavailable(t, err)
	wantUnavailable(t, nowhere.Delete(t.Context(), "a/b"))
	server.Kill(t)
	_, err = s.Get(t.Context(), "a/b")
	wantUnavailable(t, err)
	_, err = s.Size(t.Context(), "a/b")
	wantUnavailable(t, err)
	wantUnavailable(t, s.Put(t.Context(), "a/c", bytes.NewReader(content)))
	server.Start(t)
	if size, err := s.Size(t.Context(), "a/b"); err != nil || size != int64(len(content)) {
		t.Errorf("after it came back: got %d bytes, %v; want %d", size, err, len(content))
	}
	if _, err := s.Get(t.Context(), "a/c"); core.ErrorCode(err) != core.CodeNotFound {
		t.Errorf("what was put while it was away: got %v, want not found", err)
	}
}
