// SPDX-License-Identifier: MPL-2.0

package objects_test

import (
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/objects"
	"github.com/muster-ci/muster/internal/objects/objectstest"
	"github.com/muster-ci/muster/internal/testx"
)

// TestMain gives the AWS SDK credentials, which it takes from the environment,
// and keeps it away from the developer's own.
func TestMain(m *testing.M) {
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": testx.S3AccessKey, "AWS_SECRET_ACCESS_KEY": testx.S3SecretKey, "AWS_SESSION_TOKEN": "", "AWS_PROFILE": "",
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
	} {
		if err := os.Setenv(name, value); err != nil {
			log.Fatal(err)
		}
	}
	os.Exit(m.Run())
}

func open(t *testing.T, address string) *objects.Store {
	t.Helper()
	s, err := objects.Open(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// openServed opens a file store whose signed URLs are served.
func openServed(t *testing.T, dir string) *objects.Store {
	t.Helper()
	var s *objects.Store
	server := httptest.NewServer(http.StripPrefix("/objects", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.Handler().ServeHTTP(w, r)
	})))
	t.Cleanup(server.Close)
	s = open(t, "file://"+dir+"?base_url="+url.QueryEscape(server.URL+"/objects"))
	return s
}

func TestFileConformance(t *testing.T) {
	t.Parallel()
	objectstest.Run(t, func(t *testing.T) *objects.Store { return openServed(t, t.TempDir()) })
}

// fakeS3 starts an S3 server in memory with one bucket and returns its address.
func fakeS3(t *testing.T) string {
	t.Helper()
	backend := s3mem.New()
	if err := backend.CreateBucket("muster"); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(gofakes3.New(backend, gofakes3.WithIntegrityCheck(true)).Server())
	t.Cleanup(server.Close)
	return server.URL
}

func s3Address(bucket, endpoint, more string) string {
	return "s3://" + bucket + "?region=us-east-1&s3ForcePathStyle=true&endpoint=" + url.QueryEscape(endpoint) + more
}

func TestS3Conformance(t *testing.T) {
	t.Parallel()
	objectstest.Run(t, func(t *testing.T) *objects.Store { return open(t, s3Address("muster", fakeS3(t), "")) })
}

// TestS3ConformanceWithChecksums sends checksums, as is the default with AWS
// itself. They are not checked on the way back: of an object that was sent in
// parts the fake hands out one part's checksum as that of the whole.
func TestS3ConformanceWithChecksums(t *testing.T) {
	t.Parallel()
	objectstest.Run(t, func(t *testing.T) *objects.Store {
		return open(t, s3Address("muster", fakeS3(t), "&request_checksum_calculation=when_supported"))
	})
}

func TestS3Failures(t *testing.T) {
	t.Parallel()
	endpoint := fakeS3(t)
	noBucket := open(t, s3Address("not-there", endpoint, ""))
	_, err := noBucket.Get(t.Context(), "a")
	wantUnavailable(t, err)
	wantUnavailable(t, noBucket.Put(t.Context(), "a", http.NoBody))
	_, err = noBucket.Size(t.Context(), "a")
	wantUnavailable(t, err)
	wantUnavailable(t, noBucket.Delete(t.Context(), "a"))
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `<Error><Code>AccessDenied</Code><Message>no</Message></Error>`)
	}))
	t.Cleanup(refusing.Close)
	_, err = open(t, s3Address("muster", refusing.URL, "")).Get(t.Context(), "a")
	wantUnavailable(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = open(t, s3Address("muster", endpoint, "")).Size(ctx, "a")
	wantUnavailable(t, err)
}

// TestS3BreaksOffInMidObject gives the reader an error with a code, not an end.
func TestS3BreaksOffInMidObject(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = io.WriteString(w, "only this")
	}))
	t.Cleanup(server.Close)
	r, err := open(t, s3Address("muster", server.URL, "")).Get(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	_, err = io.ReadAll(r)
	wantUnavailable(t, err)
}

func wantUnavailable(t *testing.T, err error) {
	t.Helper()
	if core.ErrorCode(err) != core.CodeUnavailable {
		t.Errorf("got %v, want unavailable", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	for _, address := range []string{
		"", "/tmp/x", "file://relative/path", "file:///tmp/x?nonsense=1", "file:///tmp/x?base_url=nowhere",
		"ftp://x", "s3://bucket?nonsense=1", "s3://bucket?region=x&endpoint=%zz", "s3://bucket?region=x&endpoint=host:9000", "mem://",
	} {
		if _, err := objects.Open(t.Context(), address); core.ErrorCode(err) != core.CodeInvalid {
			t.Errorf("%q: got %v, want invalid", address, err)
		}
	}
}
