// SPDX-License-Identifier: MPL-2.0

package clustertest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/muster-ci/muster/internal/testx"
)

// Registry is an image registry on loopback that hands out one image of
// busybox under every name.
type Registry struct {
	Host     string       // host:port
	Digest   string       // of the image
	Served   atomic.Int64 // manifests that were handed out
	user     string
	password string
	blobs    map[string][]byte // by digest
}

const (
	manifestType = "application/vnd.docker.distribution.manifest.v2+json"
	configType   = "application/vnd.docker.container.image.v1+json"
	layerType    = "application/vnd.docker.image.rootfs.diff.tar"
)

// NewRegistry starts one; with a user it wants that login for everything. The
// config is the image's: entrypoint, labels.
func NewRegistry(t *testing.T, user, password string, config map[string]any) *Registry {
	t.Helper()
	return NewRegistryAt(t, "", user, password, config)
}

// NewRegistryAt does the same at an address that is known before.
func NewRegistryAt(t *testing.T, address, user, password string, config map[string]any) *Registry {
	t.Helper()
	r := &Registry{user: user, password: password, blobs: map[string][]byte{}}
	layer := busyboxLayer(t)
	info, err := json.Marshal(map[string]any{
		"architecture": "amd64", "os": "linux", "config": config,
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{r.add(layer)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": manifestType,
		"config": map[string]any{"mediaType": configType, "size": len(info), "digest": r.add(info)},
		"layers": []any{map[string]any{"mediaType": layerType, "size": len(layer), "digest": r.add(layer)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	r.Digest = r.add(manifest)
	server := httptest.NewUnstartedServer(r)
	if address != "" {
		server.Listener.Close()
		if server.Listener, err = net.Listen("tcp", address); err != nil {
			t.Fatal(err)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	r.Host = strings.TrimPrefix(server.URL, "http://")
	return r
}

func (r *Registry) add(blob []byte) string {
	sum := sha256.Sum256(blob)
	digest := "sha256:" + hex.EncodeToString(sum[:])
	r.blobs[digest] = blob
	return digest
}

// ServeHTTP is as much of the distribution API as a pull needs.
func (r *Registry) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	user, password, _ := request.BasicAuth()
	if r.user != "" && (user != r.user || password != r.password) {
		w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
		http.Error(w, `{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}`, http.StatusUnauthorized)
		return
	}
	path := request.URL.Path
	digest := path[strings.LastIndex(path, "/")+1:]
	switch {
	case path == "/v2/":
		return
	case strings.Contains(path, "/manifests/"):
		digest = r.Digest
		w.Header().Set("Content-Type", manifestType)
		w.Header().Set("Docker-Content-Digest", digest)
		if request.Method == http.MethodGet {
			r.Served.Add(1)
		}
	}
	blob, ok := r.blobs[digest]
	if !ok {
		http.NotFound(w, request)
		return
	}
	http.ServeContent(w, request, "", time.Time{}, bytes.NewReader(blob))
}

// busyboxLayer is the same content as Image.
func busyboxLayer(t *testing.T) []byte {
	t.Helper()
	binary, err := os.ReadFile(testx.Tool(t, "busybox"))
	if err != nil {
		t.Fatal(err)
	}
	return layerOf(t, binary)
}
