// SPDX-License-Identifier: MPL-2.0

package placements

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/services/dispatch/placements/cluster"
)

// taker is a cluster that keeps what it is given.
type taker struct {
	cluster.Cluster
	got cluster.Placement
}

func (c *taker) Submit(_ context.Context, p cluster.Placement) error {
	c.got = p
	return nil
}

func TestImagesAsTheyAreFetched(t *testing.T) {
	t.Parallel()
	c := &taker{}
	s := &Service{deps: Deps{Cluster: c, Peers: Peers{Secrets: newPeers()}}}
	s.cfg.Mirrors, s.cfg.RemoteDocker = map[string]string{"docker.io": "cache.example.com/hub"}, "engine:1"
	p := cluster.Placement{}
	p.Spec.Pipeline.Project.ID = "project"
	p.Spec.Plan.Executor = core.Executor{Kind: core.ExecutorDocker, Images: []core.DockerImage{
		{Image: "cimg/base:1"}, {Image: "acme/app:2", Auth: &core.RegistryAuth{Username: "ann", Password: "$TOKEN"}},
	}}
	p.Spec.Plan.Steps = []core.StepPlan{{Kind: core.StepSetupRemoteDocker}}
	if err := s.submit(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	images := c.got.Spec.Plan.Executor.Images
	if images[0].Image != "cache.example.com/hub/cimg/base:1" || images[1].Image != "acme/app:2" {
		t.Errorf("fetches %s and %s, want the first through the mirror and the one with a login from where it is", images[0].Image, images[1].Image)
	}
	if p.Spec.Plan.Executor.Images[0].Image != "cimg/base:1" {
		t.Error("the spec that is stored was changed")
	}
	if l := c.got.Login(1); c.got.Login(0) != nil || l == nil || l.Password != "secret" || l.Server != "docker.io" {
		t.Errorf("got the logins %v, want one for the second image", c.got.Logins)
	}
	if c.got.Engine != "engine:1" {
		t.Errorf("got the engine %q", c.got.Engine)
	}
}

func TestWhatCannotBeFetchedIsRefused(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*core.JobPlan){
		"NOT_SET": func(j *core.JobPlan) {
			j.Executor.Images = []core.DockerImage{{Image: "a", Auth: &core.RegistryAuth{Username: "ann", Password: "$NOT_SET"}}}
		},
		"remote_docker": func(j *core.JobPlan) { j.Steps = []core.StepPlan{{Kind: core.StepSetupRemoteDocker}} },
	} {
		s := &Service{deps: Deps{Cluster: &taker{}, Peers: Peers{Secrets: newPeers()}}}
		p := cluster.Placement{}
		p.Spec.Pipeline.Project.ID = "project"
		p.Spec.Plan.Executor.Kind = core.ExecutorDocker
		change(&p.Spec.Plan)
		var refusal *cluster.Refusal
		if err := s.submit(t.Context(), p); !errors.As(err, &refusal) || !strings.Contains(refusal.Reason, want) {
			t.Errorf("got %v, want a refusal that names %s", err, want)
		}
	}
}
