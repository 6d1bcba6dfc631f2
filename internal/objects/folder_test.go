// SPDX-License-Identifier: MPL-2.0

package objects_test

import (
	"bufio"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/objects"
)

func status(t *testing.T, method, address string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	return response.StatusCode
}

func TestSignedURLsOfFilesCannotBeChanged(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := openServed(t, dir)
	for _, key := range []string{"mine", "other"} {
		if err := s.Put(t.Context(), key, strings.NewReader(key)); err != nil {
			t.Fatal(err)
		}
	}
	signed, err := s.SignedURL(t.Context(), "mine", http.MethodGet, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if got := status(t, http.MethodGet, signed); got != http.StatusOK {
		t.Fatalf("a signed URL: got status %d", got)
	}
	for _, method := range []string{http.MethodPut, http.MethodDelete, http.MethodPost, http.MethodHead} {
		if got := status(t, method, signed); got != http.StatusForbidden {
			t.Errorf("%s on a URL signed for GET: got status %d", method, got)
		}
	}
	for name, value := range map[string]string{
		"obj": "other", "method": "PUT", "signature": "AAAA", "expiry": strconv.FormatInt(time.Now().Add(time.Hour).Unix(), 10),
	} {
		u, err := url.Parse(signed)
		if err != nil {
			t.Fatal(err)
		}
		query := u.Query()
		query.Set(name, value)
		u.RawQuery = query.Encode()
		method := query.Get("method")
		if got := status(t, method, u.String()); got != http.StatusForbidden {
			t.Errorf("with %s=%s: got status %d", name, value, got)
		}
		query.Del(name)
		u.RawQuery = query.Encode()
		if got := status(t, http.MethodGet, u.String()); got != http.StatusForbidden {
			t.Errorf("without %s: got status %d", name, got)
		}
	}
}

func TestServedFilesAreHarmless(t *testing.T) {
	t.Parallel()
	s := openServed(t, t.TempDir())
	if err := s.Put(t.Context(), "page.html", strings.NewReader("<script>alert(1)</script>")); err != nil {
		t.Fatal(err)
	}
	signed, err := s.SignedURL(t.Context(), "page.html", http.MethodGet, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.Get(signed)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	for name, want := range map[string]string{
		"Content-Type": "application/octet-stream", "X-Content-Type-Options": "nosniff", "Content-Disposition": "attachment",
		"Content-Security-Policy": "default-src 'none'; sandbox", "Cache-Control": "private, no-store",
	} {
		if got := response.Header.Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

// TestInterruptedUpload breaks the connection off in mid-body.
func TestInterruptedUpload(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := openServed(t, dir)
	signed, err := s.SignedURL(t.Context(), "up/load", http.MethodPut, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(signed)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "PUT %s HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nonly this", u.RequestURI())
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err == nil && response.StatusCode != http.StatusBadRequest {
		t.Errorf("got status %d, want 400", response.StatusCode)
	}
	if _, err := s.Get(t.Context(), "up/load"); core.ErrorCode(err) != core.CodeNotFound {
		t.Errorf("got %v, want not found", err)
	}
	if left := filesUnder(t, dir); len(left) != 1 { // the signing key
		t.Errorf("left over: %v", left)
	}
}

func filesUnder(t *testing.T, dir string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestFolderHousekeeping(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := openServed(t, dir)
	if err := s.Put(t.Context(), "a/b/c", strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	// What a killed process left, and what another one writes now.
	abandoned, young := filepath.Join(dir, "a", "x.17.tmp"), filepath.Join(dir, "a", "y.18.tmp")
	for _, path := range []string{abandoned, young} {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	old := time.Now().Add(-48 * time.Hour)
	if err := os.Chtimes(abandoned, old, old); err != nil {
		t.Fatal(err)
	}
	var seen []string
	if err := s.List(t.Context(), "", func(key string, _ int64, _ time.Time) error { seen = append(seen, key); return nil }); err != nil {
		t.Fatal(err)
	}
	if len(seen) != 1 || seen[0] != "a/b/c" {
		t.Errorf("listed %v, want only a/b/c", seen)
	}
	if _, err := os.Stat(abandoned); !os.IsNotExist(err) {
		t.Errorf("the abandoned file: %v", err)
	}
	if _, err := os.Stat(young); err != nil {
		t.Errorf("the young file: %v", err)
	}
	if err := s.Delete(t.Context(), "a/b/c"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "a", "b")); !os.IsNotExist(err) {
		t.Errorf("the empty folder: %v", err)
	}
}

// TestFolderWithoutBaseURL: signed URLs are paths, and work wherever they are
// served.
func TestFolderWithoutBaseURL(t *testing.T) {
	t.Parallel()
	s := open(t, "file://"+filepath.Join(t.TempDir(), "made"))
	if err := s.Put(t.Context(), "a", strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	signed, err := s.SignedURL(t.Context(), "a", http.MethodGet, time.Minute)
	if err != nil || !strings.HasPrefix(signed, objects.HandlerPath+"?") {
		t.Fatalf("got %q, %v", signed, err)
	}
	server := httptest.NewServer(s.Handler())
	t.Cleanup(server.Close)
	if got := status(t, http.MethodGet, server.URL+signed); got != http.StatusOK {
		t.Errorf("got status %d", got)
	}
}

// TestDigestOfUpload: what does not have the sum that it names is not kept.
func TestDigestOfUpload(t *testing.T) {
	t.Parallel()
	s := open(t, "file://"+t.TempDir())
	server := httptest.NewServer(s.Handler())
	t.Cleanup(server.Close)
	sum := sha256.Sum256([]byte("content"))
	digest := "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
	for _, c := range []struct {
		key, content, digest string
		want                 int
	}{
		{"right", "content", digest, http.StatusOK},
		{"among-others", "content", "sha-512=:AAAA:, " + digest, http.StatusOK},
		{"cut", "conten", digest, http.StatusBadRequest},
		{"garbled", "content", "sha-256=:AAAA:", http.StatusBadRequest},
		{"none", "content", "", http.StatusOK},
	} {
		signed, err := s.SignedURL(t.Context(), c.key, http.MethodPut, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, server.URL+signed, strings.NewReader(c.content))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Digest", c.digest)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		_, err = s.Size(t.Context(), c.key)
		if kept := err == nil; response.StatusCode != c.want || kept != (c.want == http.StatusOK) {
			t.Errorf("%s: got status %d, kept %v; want %d", c.key, response.StatusCode, kept, c.want)
		}
	}
}

// TestTwoProcesses: one signs, the other checks.
func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	one := openServed(t, dir)
	signed, err := one.SignedURL(t.Context(), "a", http.MethodGet, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if err := openServed(t, dir).Put(t.Context(), "a", strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	if got := status(t, http.MethodGet, signed); got != http.StatusOK {
		t.Errorf("got status %d", got)
	}
}
