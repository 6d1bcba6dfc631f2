// SPDX-License-Identifier: MPL-2.0

package nomad

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/nomad/api"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/hcl/jobspec"
	"github.com/muster-ci/muster/internal/testx"
	"github.com/muster-ci/muster/services/dispatch/placements/cluster"
	"github.com/muster-ci/muster/services/dispatch/placements/cluster/clustertest"
)

// TestNomadDocker runs the docker template that comes with Muster on a real
// Nomad with a real Docker engine: bridge network, service containers, the
// agent out of an archive.
func TestNomadDocker(t *testing.T) {
	t.Parallel()
	testx.OnlyWithTools(t)
	if _, err := os.Stat("/usr/lib/cni/bridge"); err != nil {
		t.Fatal("the CNI plugins are not in /usr/lib/cni")
	}
	// Nomad leaves its bridge behind; this one is the test's own.
	t.Cleanup(func() { _ = exec.Command("ip", "link", "delete", "mustertest").Run() })
	host := clustertest.Engine(t)
	address := testx.Nomad(t, testx.NomadConfig(fmt.Sprintf(`
client {
  bridge_network_name   = "mustertest"
  bridge_network_subnet = "172.29.64.0/20"
}
plugin "docker" {
  config {
    endpoint    = %q
    infra_image = %q
    gc {
      image = false
    }
  }
}
`, host, clustertest.PauseImage)))
	c := dockerCluster(t, address, nil)
	for name, test := range map[string]func(*testing.T, *Cluster){
		"services": testServices, "image": testImage, "image of a service": testServiceImage, "memory": testMemory, "login": testLogin,
	} {
		t.Run(name, func(t *testing.T) { test(t, c) })
	}
	t.Run("facts", func(t *testing.T) { testFacts(t, address) })
}

// dockerCluster serves an agent that does what the variable BEHAVE says.
func dockerCluster(t *testing.T, address string, images Images) *Cluster {
	t.Helper()
	archive := pack(t, "#!/bin/sh\neval \"$BEHAVE\"\n")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(archive) }))
	t.Cleanup(server.Close)
	src, err := os.ReadFile(filepath.FromSlash("../../../../../jobs/tasks/docker.nomad.hcl"))
	if err != nil {
		t.Fatal(err)
	}
	tmpl, err := jobspec.Parse("docker.nomad.hcl", src)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(archive)
	c, err := New(Config{
		API: &api.Config{Address: address}, Templates: map[core.ExecutorKind]*jobspec.Template{core.ExecutorDocker: tmpl},
		Agent:      jobspec.Agent{Source: server.URL + "/muster-agent.tar.gz", Checksum: "sha256:" + hex.EncodeToString(sum[:])},
		OutputURLs: []string{"http://127.0.0.1:1"},
	}, Deps{Logger: hclog.NewNullLogger(), Images: images})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func pack(t *testing.T, agent string) []byte {
	t.Helper()
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	w := tar.NewWriter(zip)
	if err := w.WriteHeader(&tar.Header{Name: "muster-agent", Mode: 0o755, Size: int64(len(agent))}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(agent)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func dockerPlacement(script string, services ...core.DockerImage) cluster.Placement {
	p := cluster.Placement{
		Attempt: core.Attempt{ID: core.NewAttemptID(), Executor: core.ExecutorDocker},
		Class:   core.ResourceClass{Name: "tiny", CPU: 50, Memory: 64, Disk: 50, Pool: "default"},
	}
	p.Spec.Plan.Executor.Images = append([]core.DockerImage{{
		Image: clustertest.Image, Environment: []core.EnvVar{{Name: "BEHAVE", Value: script}},
	}}, services...)
	return p
}

func end(t *testing.T, c *Cluster, p cluster.Placement) cluster.Allocation {
	t.Helper()
	submit(t, c, p)
	return listed(t, c, p.Attempt.ID, "ended", isEnded)
}

// testServices reaches one service on localhost and by name, and is not
// disturbed by others that fail, or end well, at once: before or after the rest
// has started.
func testServices(t *testing.T, c *Cluster) {
	script := `[ -s "$MUSTER_IDENTITY_FILE" ] || exit 8
echo x > "$MUSTER_SPOOL_DIR/x" || exit 7
for i in 0 1 2 3 4 5 6 7 8 9; do
  if nc 127.0.0.1 4000 </dev/null | grep -q hello && nc db 4000 </dev/null | grep -q hello; then exit 0; fi
  sleep 0.5
done
exit 9`
	sh := []string{"/bin/sh", "-c"}
	db := core.DockerImage{Image: clustertest.Image, Name: "db", Entrypoint: sh, Command: []string{"while :; do echo hello | nc -l -p 4000; done"}}
	broken := core.DockerImage{Image: clustertest.Image, Entrypoint: sh, Command: []string{"exit 3"}}
	brief := core.DockerImage{Image: clustertest.Image, Entrypoint: sh, Command: []string{"exit 0"}}
	if a := end(t, c, dockerPlacement(script, broken, db, brief, broken)); a.Kind != cluster.None || !strings.Contains(a.Reason, "Exit Code: 0") {
		t.Errorf("ended as %+v, want exit code 0", a)
	}
}

func testImage(t *testing.T, c *Cluster) {
	p := dockerPlacement("exit 0")
	p.Spec.Plan.Executor.Images[0].Image = "127.0.0.1:1/nobody/nothing:7"
	if a := end(t, c, p); a.Kind != cluster.Image || !strings.Contains(a.Reason, "nobody/nothing:7") {
		t.Errorf("ended as %+v, want an image that cannot be had, by name", a)
	}
}

func testServiceImage(t *testing.T, c *Cluster) {
	p := dockerPlacement("exit 0", core.DockerImage{Image: "127.0.0.1:1/nobody/service:7"})
	if a := end(t, c, p); a.Kind != cluster.Image || !strings.Contains(a.Reason, "nobody/service:7") {
		t.Errorf("ended as %+v, want an image that cannot be had, by name", a)
	}
}

func testMemory(t *testing.T, c *Cluster) {
	if a := end(t, c, dockerPlacement("exec tail /dev/zero")); a.Kind != cluster.Memory {
		t.Errorf("ended as %+v, want killed for memory", a)
	}
}
