// SPDX-License-Identifier: MPL-2.0

package objectstest

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/objects"
)

func sign(t *testing.T, s *objects.Store, key, method string) string {
	t.Helper()
	address, err := s.SignedURL(t.Context(), key, method, time.Minute)
	if err != nil {
		t.Fatalf("signing: %v", err)
	}
	return address
}

// call makes a request without any credentials.
func call(t *testing.T, method, address string, content io.Reader, header ...string) (int, []byte) {
	t.Helper()
	response, body := exchange(t, method, address, content, header...)
	return response.StatusCode, body
}

// exchange is call with the whole answer, whose body has been read.
func exchange(t *testing.T, method, address string, content io.Reader, header ...string) (*http.Response, []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, address, content)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatalf("%s: %v", method, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("%s: %v", method, err)
	}
	return response, body
}

func signedGet(t *testing.T, s *objects.Store) {
	content := random(100_000)
	put(t, s, "source/bundle", content)
	address := sign(t, s, "source/bundle", http.MethodGet)
	if status, got := call(t, http.MethodGet, address, nil); status != http.StatusOK || !bytes.Equal(got, content) {
		t.Errorf("got status %d and %d bytes", status, len(got))
	}
	if status, got := call(t, http.MethodGet, address, nil, "Range", "bytes=1000-1999"); status != http.StatusPartialContent || !bytes.Equal(got, content[1000:2000]) {
		t.Errorf("a range: got status %d and %d bytes", status, len(got))
	}
	// As an agent goes on after a cut.
	response, got := exchange(t, http.MethodGet, address, nil, "Range", "bytes=99000-")
	if response.StatusCode != http.StatusPartialContent || response.Header.Get("Content-Range") != "bytes 99000-99999/100000" || !bytes.Equal(got, content[99000:]) {
		t.Errorf("the rest: got status %d, the range %q and %d bytes", response.StatusCode, response.Header.Get("Content-Range"), len(got))
	}
	if status, _ := call(t, http.MethodGet, sign(t, s, "source/none", http.MethodGet), nil); status != http.StatusNotFound {
		t.Errorf("what is not there: got status %d", status)
	}
}

func signedPut(t *testing.T, s *objects.Store) {
	for _, content := range [][]byte{random(100_000), []byte("shorter"), nil} {
		address, sum := sign(t, s, "up/load", http.MethodPut), sha256.Sum256(content)
		digest := "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
		if status, body := call(t, http.MethodPut, address, bytes.NewReader(content), "Content-Digest", digest); status != http.StatusOK {
			t.Errorf("got status %d: %s", status, body)
		}
		holds(t, s, "up/load", content)
	}
}

func signedMisuse(t *testing.T, s *objects.Store) {
	for _, c := range []struct {
		method string
		ttl    time.Duration
	}{{"DELETE", time.Minute}, {"get", time.Minute}, {"", time.Minute}, {"GET", 0}, {"GET", -time.Minute}, {"PUT", 8 * 24 * time.Hour}} {
		if _, err := s.SignedURL(t.Context(), "a", c.method, c.ttl); core.ErrorCode(err) != core.CodeInvalid {
			t.Errorf("signing %q for %s: got %v, want invalid", c.method, c.ttl, err)
		}
	}
}
