// SPDX-License-Identifier: MPL-2.0

package nomad

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/nomad/api"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/services/dispatch/placements/cluster"
	"github.com/muster-ci/muster/services/dispatch/placements/cluster/clustertest"
	"github.com/muster-ci/muster/services/dispatch/placements/registry"
)

// facts are registries' answers by image.
type facts map[string]registry.Facts

func (f facts) Facts(_ context.Context, image string, login *registry.Login) registry.Facts {
	if login != nil {
		image = login.Username + "@" + image
	}
	return f[image]
}

const digest = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

// TestFactsGoWithTheJob pins what has a digest, and finds in the job what was
// known of each image.
func TestFactsGoWithTheJob(t *testing.T) {
	t.Parallel()
	preserve := &registry.Config{Entrypoint: []string{"/entry"}, Command: []string{"serve"}, Labels: map[string]string{"com.circleci.preserve-entrypoint": "true"}}
	c := &Cluster{deps: Deps{Logger: hclog.NewNullLogger(), Images: facts{
		"cimg/base:1":                       {Digest: digest, Size: 7, Config: preserve},
		"ann@r.example.com:5000/team/app:2": {Digest: digest, Unknown: "no variant"},
		"only/here:local":                   {Unknown: "its registry does not have it"},
	}}}
	p := dockerPlacement("", core.DockerImage{Image: "r.example.com:5000/team/app:2"}, core.DockerImage{Image: "only/here:local"})
	p.Spec.Plan.Executor.Images[0].Image = "cimg/base:1"
	p.Logins = []*registry.Login{nil, {Username: "ann"}}
	given := p.Spec.Plan.Executor.Images
	known := c.inspect(t.Context(), &p)
	var names []string
	for _, image := range p.Spec.Plan.Executor.Images {
		names = append(names, image.Image)
	}
	if diff := cmp.Diff([]string{"cimg/base@" + digest, "r.example.com:5000/team/app@" + digest, "only/here:local"}, names); diff != "" {
		t.Errorf("images (-want +got):\n%s", diff)
	}
	if given[0].Image != "cimg/base:1" {
		t.Error("the caller's plan was changed")
	}
	id := string(p.Attempt.ID)
	job := &api.Job{ID: &id}
	c.remember(job, known)
	found := cluster.Allocation{Containers: []core.Container{{Index: 0, Image: "cimg/base@" + digest, Pulled: time.Second}, {Index: 1, Present: true}, {Index: 2}, {Index: 9}}}
	recall(job, &found)
	want := cluster.Allocation{Entrypoint: []string{"/entry", "serve"}, Containers: []core.Container{
		{Index: 0, Image: "cimg/base:1", Digest: digest, Size: 7, Compressed: true, Pulled: time.Second},
		{Index: 1, Image: "r.example.com:5000/team/app:2", Digest: digest, Unknown: "no variant", Present: true},
		{Index: 2, Image: "only/here:local", Unknown: "its registry does not have it"},
		{Index: 9},
	}}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestJobsWithoutFacts(t *testing.T) {
	t.Parallel()
	id := "m-x"
	job := &api.Job{ID: &id}
	c := &Cluster{deps: Deps{Logger: hclog.NewNullLogger()}}
	p := dockerPlacement("")
	c.remember(job, c.inspect(t.Context(), &p))
	if len(job.Meta) != 0 || p.Spec.Plan.Executor.Images[0].Image != clustertest.Image {
		t.Errorf("nobody looked, and the job has %v", job.Meta)
	}
	long := strings.Repeat("x", maxMeta)
	c.remember(job, &imagesMeta{Images: []imageMeta{{Image: "a"}}, Entrypoint: []string{long}})
	var found cluster.Allocation
	recall(job, &found)
	if job.Meta[metaImages] == "" || found.Entrypoint != nil {
		t.Errorf("an entrypoint that is too long: got %v", job.Meta)
	}
	job.SetMeta(metaImages, "{")
	recall(job, &found)
}

// testFacts runs images of a registry, with the entrypoint that one asks for.
func testFacts(t *testing.T, address string) {
	r := clustertest.NewRegistry(t, "", "", map[string]any{"Entrypoint": []string{"/bin/sleep"}, "Cmd": []string{"600"}, "Labels": map[string]string{"com.circleci.preserve-entrypoint": "true"}})
	inspector, err := registry.NewInspector(registry.InspectorConfig{Trusted: []string{r.Host}, Timeout: time.Minute}, hclog.NewNullLogger(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	c := dockerCluster(t, address, inspector)
	p := dockerPlacement("sleep 600", core.DockerImage{Image: r.Host + "/team/service:1"}, core.DockerImage{Image: clustertest.Image, Entrypoint: []string{"/bin/sleep", "600"}})
	p.Spec.Plan.Executor.Images[0].Image = r.Host + "/team/app:1"
	submit(t, c, p)
	listed(t, c, p.Attempt.ID, "running", func(a cluster.Allocation) bool { return a.State == cluster.Running })
	found, err := c.Find(t.Context(), p.Attempt.ID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"/bin/sleep", "600"}, found.Entrypoint); diff != "" {
		t.Errorf("entrypoint (-want +got):\n%s", diff)
	}
	for i, c := range found.Containers {
		switch {
		case i < 2 && (c.Digest != r.Digest || c.Size == 0 || !c.Compressed || c.Pulled == 0 || c.Image != p.Spec.Plan.Executor.Images[i].Image):
			t.Errorf("image %d: got %+v, want digest %s, size and pull time", i, c, r.Digest)
		case i == 2 && (c.Digest != "" || c.Unknown == "" || !c.Present):
			t.Errorf("an image that only the client has: got %+v", c)
		}
	}
	if len(found.Containers) != 3 {
		t.Errorf("got %d containers", len(found.Containers))
	}
}
