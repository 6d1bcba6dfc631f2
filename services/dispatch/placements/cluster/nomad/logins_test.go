// SPDX-License-Identifier: MPL-2.0

package nomad

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/nomad/api"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/services/dispatch/placements/cluster"
	"github.com/muster-ci/muster/services/dispatch/placements/cluster/clustertest"
	"github.com/muster-ci/muster/services/dispatch/placements/registry"
)

// testLogin fetches two private images with logins that stand in no job, in no
// container and, once they were used, nowhere at all.
func testLogin(t *testing.T, c *Cluster) {
	const password = `open "sesame" #1 \n $x ${y}`
	r := clustertest.NewRegistry(t, "ann", password, nil)
	// The agent of the test does what BEHAVE says: it looks for the password.
	p := dockerPlacement(`for f in /proc/*/environ /secrets/* /local/* /alloc/data/*; do grep -q ses[a]me "$f" 2>/dev/null && exit 7; done; exit 0`,
		core.DockerImage{Image: r.Host + "/team/service:1", Entrypoint: []string{"/bin/sh", "-c"}, Command: []string{"exec sleep 600"}})
	p.Spec.Plan.Executor.Images[0].Image = r.Host + "/team/private:1"
	login := &registry.Login{Server: r.Host, Username: "ann", Password: password}
	p.Logins = []*registry.Login{login, login}
	if a := end(t, c, p); a.Kind != cluster.None || !strings.Contains(a.Reason, "Exit Code: 0") {
		t.Errorf("ended as %+v, want exit code 0", a)
	}
	job, _, err := c.client.Jobs().Info(string(p.Attempt.ID), nil)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := json.Marshal(job); err != nil || strings.Contains(string(text), "sesame") {
		t.Errorf("the password stands in the job: %v, %s", err, text)
	}
	if found := lentTo(t, c); len(found) != 1 {
		t.Errorf("%d logins are lent, want 1", len(found))
	}
	if err := c.Stop(t.Context(), p.Attempt.ID); err != nil {
		t.Fatal(err)
	}
	if found := lentTo(t, c); len(found) != 0 {
		t.Errorf("the login of %v is left", found[0].Path)
	}
	p = dockerPlacement("exit 0")
	p.Spec.Plan.Executor.Images[0].Image, p.Logins = r.Host+"/team/private:1", []*registry.Login{{Server: r.Host, Username: "ann", Password: "wrong"}}
	if a := end(t, c, p); a.Kind != cluster.Image {
		t.Errorf("with a wrong password it ended as %+v, want an image that cannot be had, though the client has it", a)
	}
}

func lentTo(t *testing.T, c *Cluster) []*api.VariableMetadata {
	t.Helper()
	found, _, err := c.client.Variables().PrefixList(variables+prefix, nil)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestContainers(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	pulling := func(ago time.Duration) *api.TaskEvent {
		return &api.TaskEvent{Type: api.TaskDriverMessage, Time: now.Add(-ago).UnixNano(), DriverMessage: "Downloading image", Details: map[string]string{"image": "a/b:1"}}
	}
	zero, three := now.Add(-time.Second), 3
	states := map[string]*api.TaskState{
		"agent":         {State: "pending", Events: []*api.TaskEvent{pulling(2 * time.Second)}},
		"service-2":     {State: "running", StartedAt: zero, Events: []*api.TaskEvent{pulling(5 * time.Second)}},
		"service-1":     {State: "pending", StartedAt: zero, Events: []*api.TaskEvent{{Type: api.TaskTerminated, ExitCode: 3}}},
		"docker-engine": {State: "running", StartedAt: zero},
	}
	want := []core.Container{
		{Index: 0, Image: "a/b:1", Pulled: 2 * time.Second},
		{Index: 1, Present: true, StartedAt: &zero, Exit: &three},
		{Index: 2, Image: "a/b:1", Pulled: 4 * time.Second, StartedAt: &zero},
	}
	if diff := cmp.Diff(want, containers(states, now)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
