// SPDX-License-Identifier: MPL-2.0

package docker

import (
	"strings"
	"testing"
	"time"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/services/dispatch/placements/cluster"
	"github.com/muster-ci/muster/services/dispatch/placements/cluster/clustertest"
	"github.com/muster-ci/muster/services/dispatch/placements/registry"
)

// private is a placement of an image that its registry gives only to "ann".
func private(r *clustertest.Registry, password string) cluster.Placement {
	p := placement("exit 0")
	p.Spec.Plan.Executor.Images[0].Image = r.Host + "/team/private:1"
	p.Spec.Plan.Executor.Images[0].Auth = &core.RegistryAuth{Username: "ann", Password: "$PASSWORD"}
	p.Logins = []*registry.Login{{Server: r.Host, Username: "ann", Password: password}}
	return p
}

// testLogin fetches a private image with a login, and not with a wrong one,
// also when another job has fetched it before.
func testLogin(t *testing.T, host string) {
	r := clustertest.NewRegistry(t, "ann", "open sesame", map[string]any{
		"Entrypoint": []string{"/bin/sh"}, "Cmd": []string{"-c", "true"}, "Labels": map[string]string{"com.circleci.preserve-entrypoint": "true"}})
	first := run(t, host, private(r, "open sesame"))
	if first.Kind != cluster.None {
		t.Fatalf("ended as %+v, want the image fetched and run", first)
	}
	if len(first.Containers) != 1 || first.Containers[0].Digest != r.Digest || first.Containers[0].Size == 0 || first.Containers[0].Pulled == 0 {
		t.Errorf("it tells %+v of its container, want digest %s, a size and how long the pull took", first.Containers, r.Digest)
	}
	if got := strings.Join(first.Entrypoint, " "); got != "/bin/sh -c true" {
		t.Errorf("entrypoint %q, want the image's own, which its label asks for", got)
	}
	if second := run(t, host, private(r, "wrong")); second.Kind != cluster.Image || !strings.Contains(second.Reason, "team/private:1") {
		t.Errorf("with a wrong password it ended as %+v, want an image that cannot be had", second)
	}
}

// testLoginGone has a process end between submission and pull: the login was in
// its memory, so that the attempt is for another try.
func testLoginGone(t *testing.T, host string) {
	r := clustertest.NewRegistry(t, "ann", "open sesame", nil)
	s := newSite(t, host)
	c, stop := s.start(t)
	stop()
	p := private(r, "open sesame")
	c.mu.Lock()
	err := c.save(&record{Attempt: p.Attempt.ID, Allocation: "a", Images: p.Spec.Plan.Executor.Images, Created: time.Now()})
	c.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	again, _ := s.start(t)
	if a := ended(t, again, p.Attempt.ID); a.Kind != cluster.Lost || !strings.Contains(a.Reason, "restarted") {
		t.Errorf("ended as %+v, want lost, which is tried again", a)
	}
}

// testBrokenService tells how a service ended and what it said.
func testBrokenService(t *testing.T, host string) {
	broken := core.DockerImage{Image: clustertest.Image, Entrypoint: []string{"/bin/sh", "-c"}, Command: []string{"echo no disk left >&2; exit 3"}}
	p := placement("sleep 60", broken)
	c, _ := newSite(t, host).start(t)
	if err := c.Submit(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	last := until(t, c, p.Attempt.ID, "without its service", func(a cluster.Allocation) bool {
		return len(a.Containers) == 2 && a.Containers[1].Exit != nil
	})
	if *last.Containers[1].Exit != 3 || !strings.Contains(last.Containers[1].Output, "no disk left") {
		t.Errorf("it tells %+v, want exit status 3 and the words of the service", last.Containers)
	}
	if !last.Containers[0].Present || last.Containers[0].StartedAt == nil {
		t.Errorf("it tells %+v of the primary container, want present and started", last.Containers[0])
	}
}
