// SPDX-License-Identifier: MPL-2.0

package placements

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/services/dispatch/placements/cluster"
	"github.com/muster-ci/muster/services/dispatch/placements/registry"
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

// Layers are programs: whoever could leave some to others would run as them.
func TestWhoSharesLayers(t *testing.T) {
	t.Parallel()
	keys := map[string]string{}
	key := func(name string, change func(*core.TaskSpec)) string {
		t.Helper()
		c := &taker{}
		s := &Service{deps: Deps{Cluster: c}}
		s.cfg.RemoteDocker = "engine:1"
		p := cluster.Placement{}
		p.Spec.Pipeline.Project.ID, p.Spec.Pipeline.Project.DefaultBranch = "project", "main"
		p.Spec.Pipeline.Source.Branch = "main"
		p.Spec.Plan.Executor = core.Executor{Kind: core.ExecutorDocker, Images: []core.DockerImage{{Image: "cimg/base:1"}}}
		p.Spec.Plan.Steps = []core.StepPlan{{Kind: core.StepSetupRemoteDocker, SetupRemoteDocker: &core.SetupRemoteDockerStep{LayerCaching: true}}}
		change(&p.Spec)
		if err := s.submit(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		keys[name] = c.got.Layers
		return c.got.Layers
	}
	protect := func(spec *core.TaskSpec) { spec.Pipeline.Project.Settings.ProtectCaches = true }
	main := key("main", func(*core.TaskSpec) {})
	if len(main) != 64 || key("a branch", func(s *core.TaskSpec) { s.Pipeline.Source.Branch = "x" }) != main || key("the default branch, protected", protect) != main {
		t.Errorf("want the same for the branches of a project that does not protect its caches, and for its default branch: %v", keys)
	}
	for name, change := range map[string]func(*core.TaskSpec){
		"another project":     func(s *core.TaskSpec) { s.Pipeline.Project.ID = "other" },
		"a fork":              func(s *core.TaskSpec) { s.Pipeline.Source.Fork = "gh/somebody/site" },
		"another fork":        func(s *core.TaskSpec) { s.Pipeline.Source.Fork = "gh/anybody/site" },
		"a protected branch":  func(s *core.TaskSpec) { protect(s); s.Pipeline.Source.Branch = "x" },
		"a protected session": func(s *core.TaskSpec) { protect(s); s.SSH = &core.SSHAccess{} },
		"no layers wanted":    func(s *core.TaskSpec) { s.Plan.Steps[0].SetupRemoteDocker.LayerCaching = false },
	} {
		before := slices.Collect(maps.Values(keys))
		if got := key(name, change); slices.Contains(before, got) {
			t.Errorf("%s shares the layers of another: %v", name, keys)
		}
	}
	if keys["no layers wanted"] != "" {
		t.Errorf("got the key %q for a job that wants none", keys["no layers wanted"])
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

// issuer makes tokens that say for which job and whom they are.
type issuer struct{ core.JobTokenIssuer }

func (issuer) IssueJobTokens(_ context.Context, r core.JobTokenRequest) (core.JobTokens, error) {
	if r.Identity.Fork {
		return core.JobTokens{}, core.Errorf(core.CodeForbidden, "A fork's pipeline gets no OIDC tokens.")
	}
	return core.JobTokens{V1: fmt.Sprintf("%s of %s for %s", r.Identity.Job, r.Identity.Project, strings.Join(r.Audience, ",")), V2: "the other form"}, nil
}

// clouds stands for Amazon and Google, and keeps the tokens that it was shown.
func clouds(t *testing.T) (r registry.Resolver, shown map[string]string) {
	shown = map[string]string{}
	answers := map[string]string{
		"/sts": `<R><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>k</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken></Credentials></AssumeRoleWithWebIdentityResult></R>`,
		"/ecr": `{"authorizationData":[{"authorizationToken":"` + base64.StdEncoding.EncodeToString([]byte("AWS:of-ecr")) + `"}]}`, "/google": `{"access_token":"of-google"}`,
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if token := r.FormValue("WebIdentityToken") + r.FormValue("subject_token"); token != "" {
			shown[r.URL.Path] = token
		}
		fmt.Fprint(w, answers[r.URL.Path])
	}))
	t.Cleanup(server.Close)
	return registry.Resolver{STS: server.URL + "/sts?%s", ECR: server.URL + "/ecr?%s", GoogleSTS: server.URL + "/google", Clock: time.Now}, shown
}

func TestLoginsByWhatTheJobIs(t *testing.T) {
	t.Parallel()
	const provider = "projects/1/locations/global/workloadIdentityPools/p/providers/muster"
	logins, shown := clouds(t)
	c := &taker{}
	s := &Service{deps: Deps{Cluster: c, Logins: logins, Peers: Peers{Secrets: newPeers(), JobTokens: issuer{}}}}
	p := cluster.Placement{}
	p.Spec.Job, p.Spec.Pipeline.Project.ID = "job", "project"
	p.Spec.Plan.Executor = core.Executor{Kind: core.ExecutorDocker, Images: []core.DockerImage{
		{Image: "123456789012.dkr.ecr.eu-west-1.amazonaws.com/app", AWSAuth: &core.AWSAuth{OIDCRoleARN: "arn:x"}},
		{Image: "eu-docker.pkg.dev/a/b", GCPAuth: &core.GCPAuth{Fields: []core.EnvVar{{Name: "workload_identity_provider", Value: provider}}}},
	}}
	if err := s.submit(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"/sts": "job of project for sts.amazonaws.com", "/google": "job of project for https://iam.googleapis.com/" + provider,
	}
	if diff := cmp.Diff(want, shown); diff != "" {
		t.Errorf("shown to the clouds (-want +got):\n%s", diff)
	}
	if c.got.Login(0).Password != "of-ecr" || c.got.Login(1).Password != "of-google" {
		t.Errorf("got the logins %v", c.got.Logins)
	}

	p.Spec.Pipeline.Source.Fork = "somebody/fork"
	var refusal *cluster.Refusal
	if err := s.submit(t.Context(), p); !errors.As(err, &refusal) || !strings.Contains(refusal.Reason, "fork's pipeline") {
		t.Errorf("a fork: got %v, want a refusal that tells it", err)
	}
}
