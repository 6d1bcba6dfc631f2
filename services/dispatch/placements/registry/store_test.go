// SPDX-License-Identifier: MPL-2.0

package registry

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// store is a registry with images by repository and tag, which counts what it
// is asked.
type store struct {
	host string

	mu       sync.Mutex
	blobs    map[string][]byte // by digest
	types    map[string]string
	tags     map[string]string // "repository:tag" to digest
	login    string            // "user:password" that the token service wants
	heads    int
	gets     int
	bearers  int
	disturb  func(w http.ResponseWriter, r *http.Request) bool
	tokenURL string
}

func newStore(t *testing.T) *store {
	t.Helper()
	s := &store{blobs: map[string][]byte{}, types: map[string]string{}, tags: map[string]string{}}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.host = strings.TrimPrefix(server.URL, "http://")
	return s
}

func (s *store) put(kind string, content any) map[string]any {
	text, err := json.Marshal(content)
	if err != nil {
		panic(err)
	}
	sum := sha256.Sum256(text)
	digest := "sha256:" + hex.EncodeToString(sum[:])
	s.blobs[digest], s.types[digest] = text, kind
	return map[string]any{"mediaType": kind, "digest": digest, "size": len(text)}
}

const (
	typeManifest = "application/vnd.docker.distribution.manifest.v2+json"
	typeIndex    = "application/vnd.oci.image.index.v1+json"
	typeConfig   = "application/vnd.docker.container.image.v1+json"
)

// image puts an image with the config into the store and returns its descriptor.
func (s *store) image(config map[string]any) map[string]any {
	info := s.put(typeConfig, map[string]any{"architecture": runtime.GOARCH, "os": "linux", "config": config})
	layer := map[string]any{"mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip", "size": 1000, "digest": "sha256:" + strings.Repeat("1", 64)}
	return s.put(typeManifest, map[string]any{"schemaVersion": 2, "mediaType": typeManifest, "config": info, "layers": []any{layer, layer}})
}

func (s *store) index(platform string, image map[string]any) map[string]any {
	image["platform"] = map[string]any{"os": "linux", "architecture": platform}
	other := map[string]any{"mediaType": typeManifest, "size": 7, "digest": "sha256:" + strings.Repeat("2", 64), "platform": map[string]any{"os": "windows", "architecture": platform}}
	return s.put(typeIndex, map[string]any{"schemaVersion": 2, "mediaType": typeIndex, "manifests": []any{other, image}})
}

func (s *store) tag(name string, of map[string]any) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	digest := of["digest"].(string)
	s.tags[name] = digest
	return digest
}

func (s *store) count() (heads, gets int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.heads, s.gets
}

func (s *store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.disturb != nil && s.disturb(w, r) {
		return
	}
	if r.URL.Path == "/token" {
		user, password, _ := r.BasicAuth()
		if user+":"+password != s.login {
			http.Error(w, `{"errors":[{"code":"UNAUTHORIZED"}]}`, http.StatusUnauthorized)
			return
		}
		s.bearers++
		fmt.Fprint(w, `{"token":"let-me-in"}`)
		return
	}
	if s.login != "" && r.Header.Get("Authorization") != "Bearer let-me-in" {
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm=%q,service="test"`, s.tokenURL))
		http.Error(w, `{"errors":[{"code":"UNAUTHORIZED"}]}`, http.StatusUnauthorized)
		return
	}
	s.serve(w, r)
}

func (s *store) serve(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, "/v2/")
	digest := path[strings.LastIndex(path, "/")+1:]
	if name, tag, ok := strings.Cut(path, "/manifests/"); ok && !strings.HasPrefix(tag, "sha256:") {
		digest = s.tags[name+":"+tag]
	}
	blob, ok := s.blobs[digest]
	if !ok {
		http.Error(w, `{"errors":[{"code":"MANIFEST_UNKNOWN"}]}`, http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", s.types[digest])
	w.Header().Set("Docker-Content-Digest", digest)
	w.Header().Set("Content-Length", fmt.Sprint(len(blob)))
	if r.Method == http.MethodHead {
		s.heads++
		return
	}
	s.gets++
	_, _ = w.Write(blob)
}
