// SPDX-License-Identifier: MPL-2.0

//go:build e2e

package e2e_test

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/muster-ci/muster/e2e/cluster"
	"github.com/muster-ci/muster/e2e/scenario"
	"github.com/muster-ci/muster/internal/api"
)

// testDogfood runs this repository's own pipeline, on the cluster and embedded:
// Muster builds and tests Muster.
func testDogfood(t *testing.T, _ *cluster.Cluster, p *scenario.Platform) {
	t.Run("cluster", func(t *testing.T) { dogfood(t, p) })
	t.Run("embedded", func(t *testing.T) { dogfood(t, newEmbedded(t).platform()) })
}

func dogfood(t *testing.T, p *scenario.Platform) {
	t.Helper()
	bundle, err := exec.Command("git", "-C", "..", "bundle", "create", "-", "HEAD").Output()
	if err != nil {
		t.Fatalf("bundling this repository: %v", err)
	}
	slug := p.Project(t, "dogfood")
	machineCaches(t, p, slug)
	uploaded, err := p.Client.UploadBundle(t.Context(), slug, bytes.NewReader(bundle))
	if err != nil {
		t.Fatalf("uploading this repository: %v", err)
	}
	head, err := exec.Command("git", "-C", "..", "rev-parse", "HEAD").Output()
	if err != nil {
		t.Fatal(err)
	}
	triggered, err := p.Client.Trigger(t.Context(), slug, api.TriggerRequest{
		Revision: strings.TrimSpace(string(head)), Source: &api.TriggerSource{Bundle: uploaded.Key},
	}, "")
	if err != nil {
		t.Fatal(err)
	}
	patient := *p
	patient.Patience = 25 * time.Minute
	end := patient.AwaitEnd(t, triggered.ID)
	for _, e := range end.Pipeline.Errors {
		t.Errorf("the pipeline: %s", e.Message)
	}
	for _, name := range []string{"lint", "build", "test"} {
		job := end.Job(t, name)
		t.Logf("%s: %s", name, job.Status)
		if job.Status != "success" {
			t.Errorf("%s: got %s (%s), want success", name, job.Status, job.Reason)
			showEnds(t, p, job.ID)
		}
	}
}

// showEnds logs the end of each step's output.
func showEnds(t *testing.T, p *scenario.Platform, job string) {
	t.Helper()
	for _, step := range []string{"Vet, and the house's own rules", "Build muster and muster-agent", "Unit and integration tests"} {
		if out, err := p.StepOutput(t.Context(), job, step); err == nil && len(out) > 0 {
			t.Logf("%s:\n%s", step, out[max(0, len(out)-6000):])
		}
	}
}

// machineCaches lends a project the machine's own Go caches, so that modules are
// not fetched again.
func machineCaches(t *testing.T, p *scenario.Platform, slug string) {
	t.Helper()
	for _, name := range []string{"GOMODCACHE", "GOCACHE", "GOPROXY", "GOFLAGS"} {
		value, err := exec.Command("go", "env", name).Output()
		if err != nil {
			t.Fatal(err)
		}
		if text := strings.TrimSpace(string(value)); text != "" {
			if _, err := p.Client.SetVariable(t.Context(), slug, api.Variable{Name: name, Value: text}); err != nil {
				t.Fatal(err)
			}
		}
	}
}
