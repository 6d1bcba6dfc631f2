// SPDX-License-Identifier: MPL-2.0

package execute

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/muster-ci/muster/core"
)

// TestRemoteDocker has the engine come up late, and be missing.
func TestRemoteDocker(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	engine := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/info" {
			fmt.Fprint(w, `{"Images":7}`)
			return
		}
		if asked.Add(1) < 3 || r.URL.Path != "/version" {
			http.Error(w, "starting", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprint(w, `{"Version":"28.1.0"}`)
	}))
	t.Cleanup(engine.Close)
	address := "tcp://" + strings.TrimPrefix(engine.URL, "http://")
	for name, tt := range map[string]struct {
		engine   string
		executor core.ExecutorKind
		status   core.JobStatus
	}{
		"late":    {address, core.ExecutorDocker, core.JobSuccess},
		"none":    {"", core.ExecutorDocker, core.JobFailed},
		"machine": {"", core.ExecutorMachine, core.JobSuccess},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			runner := newRunner(t)
			runner.cfg.Engine = tt.engine
			task := core.ClaimedTask{Attempt: core.Attempt{Executor: tt.executor}}
			task.Spec.Plan.Steps = []core.StepPlan{
				{Kind: core.StepSetupRemoteDocker, Name: "engine", SetupRemoteDocker: &core.SetupRemoteDockerStep{Version: "20.10.7", LayerCaching: true}},
				{Kind: core.StepRun, Name: "host", Run: &core.RunStep{Command: `[ "$DOCKER_HOST" = "` + tt.engine + `" ]`}},
			}
			result, err := runner.Run(t.Context(), task)
			if err != nil || result.Status != tt.status {
				t.Errorf("got %+v, %v, want %s", result, err, tt.status)
			}
		})
	}
}
