// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// used is the data of an engine that ran a container and was killed.
func used(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range map[string]string{
		"containers/c1/hostconfig.json":  `{"RestartPolicy":{"Name":"always","MaximumRetryCount":0},"Memory":5}`,
		"volumes/metadata.db":            "x",
		"volumes/v1/_data/row":           "x",
		"network/files/local-kv.db":      "x",
		"swarm/state.json":               "x",
		"overlay2/l1/diff/layer":         "x",
		"image/overlay2/repositories.js": "x",
	} {
		path := filepath.Join(root, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func there(t *testing.T, root string) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			name, _ := filepath.Rel(root, path)
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// engineOf answers for an engine, and notes what it was asked to do.
func engineOf(t *testing.T, refuses string) (start starter, asked func() []string) {
	t.Helper()
	var mu sync.Mutex
	var done []string
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if r.Method != http.MethodGet {
			done = append(done, r.Method+" "+r.URL.RequestURI())
		}
		switch r.URL.Path {
		case refuses:
			http.Error(w, "in use", http.StatusConflict)
		case "/version":
			fmt.Fprint(w, `{"Version":"28.1.0"}`)
		case "/containers/json":
			fmt.Fprint(w, `[{"Id":"c1"},{"Id":"c2"}]`)
		case "/volumes":
			fmt.Fprint(w, `{"Volumes":[{"Name":"v1"}]}`)
		}
	})
	start = func(_ context.Context, socket string, _ func()) (func() error, error) {
		listener, err := net.Listen("unix", socket)
		if err != nil {
			return nil, err
		}
		server := &http.Server{Handler: handler}
		go func() { _ = server.Serve(listener) }()
		return server.Close, nil
	}
	return start, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return done
	}
}

func TestWhatAJobLeavesIsForgotten(t *testing.T) {
	t.Parallel()
	root := used(t)
	start, asked := engineOf(t, "")
	if err := forget(t.Context(), root, start); err != nil {
		t.Fatal(err)
	}
	want := []string{"DELETE /containers/c1?force=1&v=1", "DELETE /containers/c2?force=1&v=1", "DELETE /volumes/v1?force=1", "POST /images/prune"}
	if got := asked(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	names := there(t, root)
	for _, name := range []string{"overlay2/l1/diff/layer", "image/overlay2/repositories.js"} {
		if !slices.Contains(names, name) {
			t.Errorf("%s is gone; there are %q", name, names)
		}
	}
	for _, name := range []string{"network/files/local-kv.db", "swarm/state.json"} {
		if slices.Contains(names, name) {
			t.Errorf("%s is still there", name)
		}
	}
	text, err := os.ReadFile(filepath.Join(root, "containers/c1/hostconfig.json"))
	var settings struct {
		RestartPolicy struct{ Name string }
		Memory        int
	}
	if err := errors.Join(err, json.Unmarshal(text, &settings)); err != nil || settings.RestartPolicy.Name != "no" || settings.Memory != 5 {
		t.Errorf("got %s, %v: the container would run again", text, err)
	}
}

func TestWithoutContainersNoEngineIsStarted(t *testing.T) {
	t.Parallel()
	root := used(t)
	for _, name := range []string{"containers", "volumes/v1"} {
		if err := os.RemoveAll(filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	start := func(context.Context, string, func()) (func() error, error) {
		t.Error("an engine was started")
		return nil, errors.New("started")
	}
	if err := forget(t.Context(), root, start); err != nil {
		t.Fatal(err)
	}
	if names := there(t, root); !slices.Contains(names, "overlay2/l1/diff/layer") {
		t.Errorf("the layers are gone; there are %q", names)
	}
}

// What cannot be removed is not left to the next job: the engine begins empty.
func TestWhatCannotBeForgottenCostsTheLayers(t *testing.T) {
	t.Parallel()
	refusing, _ := engineOf(t, "/containers/c2")
	for name, start := range map[string]starter{
		"refuses":        refusing,
		"does not start": func(context.Context, string, func()) (func() error, error) { return nil, errors.New("no dockerd") },
		"ends": func(_ context.Context, _ string, ended func()) (func() error, error) {
			ended()
			return func() error { return errors.New("exit status 1") }, nil
		},
	} {
		root := used(t)
		if err := forget(t.Context(), root, start); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if names := there(t, root); len(names) > 0 {
			t.Errorf("%s: there are %q", name, names)
		}
	}
}

// The job before was root in its engine, and may have left anything in its place.
func TestSettingsOfContainersAreNotTrusted(t *testing.T) {
	t.Parallel()
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, plant := range map[string]func(path string) error{
		"a link":  func(path string) error { return os.Symlink(outside, path) },
		"a pipe":  func(path string) error { return unix.Mkfifo(path, 0o600) },
		"no JSON": func(path string) error { return os.WriteFile(path, []byte("{"), 0o600) },
		"a bomb":  func(path string) error { return errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, 1<<40)) },
	} {
		root := used(t)
		path := filepath.Join(root, "containers/c1/hostconfig.json")
		if err := errors.Join(os.Remove(path), plant(path)); err != nil {
			t.Fatal(err)
		}
		start, asked := engineOf(t, "")
		if err := forget(t.Context(), root, start); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if names := there(t, root); len(names) > 0 || len(asked()) > 0 {
			t.Errorf("%s: there are %q, asked %q, want an engine that begins empty", name, names, asked())
		}
	}
	if text, err := os.ReadFile(outside); err != nil || string(text) != "{}" {
		t.Errorf("a file elsewhere is now %q, %v", text, err)
	}
}
