// SPDX-License-Identifier: MPL-2.0

package execute

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/core"
)

func TestContainersAreListed(t *testing.T) {
	t.Parallel()
	exit, at := 3, time.Date(2026, 1, 2, 3, 4, 5, 600e6, time.UTC)
	j := &job{}
	j.task.Spec.Plan.Executor.Images = []core.DockerImage{{Image: "cimg/base:1"}, {Image: "postgres:17", Name: "db"}, {Image: "redis:8"}, {Image: "unheard:1"}, {Image: "mysql:9"}, {Image: "local:1"}}
	j.task.Containers = []core.Container{
		{Index: 0, Image: "cache.example.com/hub/cimg/base:1", Digest: "sha256:aa", Size: 412_345_678, Pulled: 12_340 * time.Millisecond},
		{Index: 1, Image: "postgres:17", Present: true, StartedAt: &at},
		{Index: 2, Exit: &exit, Output: "cannot bind\nbye\n"},
		{Index: 4, Digest: "sha256:bb", Size: 45_000_000, Compressed: true, Pulled: time.Second},
		{Index: 5, Present: true, Unknown: "its registry does not answer"},
	}
	var text strings.Builder
	j.containers(&text)
	want := `Primary image: cimg/base:1
  fetched as cache.example.com/hub/cimg/base:1
  digest: sha256:aa
  pulled in 12.3 s, 412.3 MB
Service image: postgres:17 (host name db)
  the client had it
  container started at 03:04:05.600
Service image: redis:8
  container ended with exit status 3; it wrote last:
    cannot bind
    bye
Service image: unheard:1
Service image: mysql:9
  digest: sha256:bb
  pulled in 1.0 s, 45.0 MB compressed
Service image: local:1
  digest and size are unknown: its registry does not answer
  the client had it
`
	if diff := cmp.Diff(want, text.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestEntrypointRunsBesideTheSteps has the entrypoint end in each way.
func TestEntrypointRunsBesideTheSteps(t *testing.T) {
	t.Parallel()
	wait := "while ! test -e " // the other side's file
	for name, tt := range map[string]struct {
		entrypoint, step string
		status           core.JobStatus
		reason           string
	}{
		"goes on":       {"touch {dir}/up; exec sleep 1000", wait + "{dir}/up; do :; done", core.JobSuccess, ""},
		"ends well":     {"touch {dir}/up", wait + "{dir}/up; do :; done", core.JobSuccess, ""},
		"fails":         {"exit 7", "sleep 1000", core.JobFailed, "entrypoint of the primary container ended with exit status 7"},
		"is not there":  {"", "sleep 1000", core.JobFailed, "cannot be started"},
		"knows no step": {`test -z "$SECRET" || exit 9; touch {dir}/up`, wait + "{dir}/up; do :; done", core.JobSuccess, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			fill := strings.NewReplacer("{dir}", dir).Replace
			task := core.ClaimedTask{Entrypoint: []string{"/bin/sh", "-c", fill(tt.entrypoint)}, Secrets: []core.EnvVar{{Name: "SECRET", Value: "tell nobody"}}}
			if tt.entrypoint == "" {
				task.Entrypoint = []string{dir + "/nothing"}
			}
			task.Spec.Plan.Steps = []core.StepPlan{{Kind: core.StepRun, Name: "wait", Run: &core.RunStep{Command: fill(tt.step)}}}
			result, err := newRunner(t).Run(t.Context(), task)
			if err != nil || result.Status != tt.status || !strings.Contains(result.Reason, tt.reason) {
				t.Errorf("got %+v, %v, want %s with %q", result, err, tt.status, tt.reason)
			}
		})
	}
}
