// SPDX-License-Identifier: MPL-2.0

package settings_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/hcl/settings"
)

type queueConfig struct {
	Grace time.Duration `hcl:"grace,optional"`
	Size  int           `hcl:"size,optional"`
	Pools []poolConfig  `hcl:"pool,block"`
}

type poolConfig struct {
	Name string        `hcl:"name,label"`
	Wait time.Duration `hcl:"wait,optional"`
}

func parse(t *testing.T, src string) (*settings.Settings, error) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"dsn": "postgres://db/muster\n", "muster.hcl": src} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return settings.Load(filepath.Join(dir, "muster.hcl"), "/data", []string{"queue"})
}

func TestDefaultsNeedNoFile(t *testing.T) {
	t.Parallel()
	s, err := parse(t, "")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := s.Store, (settings.Store{Driver: "sqlite", DSN: "/data/db"}); got != want {
		t.Errorf("got store %+v, want %+v", got, want)
	}
	if got, want := s.Cluster.OutputURL, []string{"http://127.0.0.1:8585"}; !cmp.Equal(got, want) {
		t.Errorf("got output_url %v, want %v", got, want)
	}
}

func TestServiceBlockOverDefaults(t *testing.T) {
	t.Parallel()
	s, err := parse(t, `
store {
  driver = "postgres"
  dsn    = file("dsn")
}
queue {
  grace = "1m30s"
  pool "arm" { wait = "2h" }
}`)
	if err != nil {
		t.Fatal(err)
	}
	got := queueConfig{Grace: time.Second, Size: 7}
	if err := s.Service("queue", &got); err != nil {
		t.Fatal(err)
	}
	want := queueConfig{Grace: 90 * time.Second, Size: 7, Pools: []poolConfig{{"arm", 2 * time.Hour}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("config differs (-want +got):\n%s", diff)
	}
	if s.Store.DSN != "postgres://db/muster" {
		t.Errorf("got dsn %q, want what the file says", s.Store.DSN)
	}
}

func TestMistakesAreNamed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ src, want string }{
		"unknown block":     {"kew {}", "kew"},
		"unknown driver":    {`store { driver = "mysql" }`, "permitted are: postgres, sqlite"},
		"missing attribute": {`store { driver = "postgres" }`, "store.dsn is missing"},
		"no archive": {`cluster {
  driver    = "nomad"
  address   = "http://nomad"
  templates = "tasks"
}`, "cluster.archive is missing"},
		"agent on nomad": {`cluster {
  driver    = "nomad"
  address   = "http://nomad"
  templates = "tasks"
  archive   = "agent.tar.gz"
  agent     = "/opt/muster-agent"
}`, "cluster.agent_dir"},
		"missing file": {`store { dsn = file("gone") }`, "gone"},
		"second block": {"log {}\nlog {}", "second block"},
		"syntax":       {"log {", "muster.hcl"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := parse(t, c.src)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
		})
	}
}

func TestBadDurationInAService(t *testing.T) {
	t.Parallel()
	s, err := parse(t, `queue { grace = "soon" }`)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Service("queue", &queueConfig{}); err == nil || !strings.Contains(err.Error(), "duration") {
		t.Errorf("got %v, want an error about the duration", err)
	}
}
