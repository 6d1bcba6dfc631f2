// SPDX-License-Identifier: MPL-2.0

package objectstest

import (
	"bytes"
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
	return response.StatusCode, body
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
	if status, _ := call(t, http.MethodGet, sign(t, s, "source/none", http.MethodGet), nil); status != http.StatusNotFound {
		t.Errorf("what is not there: got status %d", status)
	}
}

func signedPut(t *testing.T, s *objects.Store) {
	for _, content := range [][]byte{random(100_000), []byte("shorter"), nil} {
		address := sign(t, s, "up/load", http.MethodPut)
		if status, body := call(t, http.MethodPut, address, bytes.NewReader(content)); status != http.StatusOK {
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
