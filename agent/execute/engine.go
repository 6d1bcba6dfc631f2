// SPDX-License-Identifier: MPL-2.0

package execute

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/muster-ci/muster/agent/engine"
	"github.com/muster-ci/muster/agent/stream"
	"github.com/muster-ci/muster/core"
)

// engineFor is how long the job's Docker engine may take to answer, which starts
// beside us.
const engineFor = 2 * time.Minute

// remoteDocker is the step setup_remote_docker. The engine was started with the
// job's containers; the step waits until it answers, and says which it is.
func (j *job) remoteDocker(ctx context.Context, step core.SetupRemoteDockerStep, out *stream.StepWriter) (outcome, error) {
	if j.cfg.Engine == "" {
		if j.task.Attempt.Executor == core.ExecutorMachine {
			return outcome{status: core.StepSuccess}, out.Note("The machine executor uses the machine's own Docker engine; the step does nothing.\n")
		}
		return refuse("The job has no Docker engine beside its containers: the template of build jobs has to start one and to set MUSTER_ENGINE (see jobs/tasks/docker.nomad.hcl).")(ctx, out)
	}
	waiting, cancel := context.WithTimeout(ctx, engineFor)
	defer cancel()
	var version string
	client, err := engine.NewClient(j.cfg.Engine)
	if err == nil {
		version, err = client.Await(waiting)
	}
	if o, ok := stopped(ctx); ok {
		return o, o.note(out)
	}
	if err != nil {
		reason := fmt.Sprintf("The job's Docker engine did not answer within %s: %v.", engineFor, err)
		return outcome{status: core.StepFailed, reason: reason}, out.Note("%s\n", reason)
	}
	err = out.Note("The job has a Docker engine of its own, which ends with it.\nVersion: %s\nDOCKER_HOST=%s\n", version, j.cfg.Engine)
	if step.Version != "" && step.Version != version {
		err = errors.Join(err, out.Note("The config asks for version %s; the installation decides which engine it has.\n", step.Version))
	}
	if step.LayerCaching {
		err = errors.Join(err, out.Note("%s\n", j.layersKept(waiting, client)))
	}
	return outcome{status: core.StepSuccess}, err
}

// layersKept says what the engine has of earlier jobs.
func (j *job) layersKept(ctx context.Context, client *engine.Client) string {
	if !j.cfg.Layers {
		return "Layers are not kept between jobs (docker_layer_caching has no effect): each job begins with an empty engine. The operator can give clients a volume for them."
	}
	var info struct{ Images int }
	switch err := client.Do(ctx, http.MethodGet, "/info", &info); {
	case err != nil:
		return fmt.Sprintf("What is left of earlier jobs is unknown: %v.", err)
	case info.Images == 0:
		return "Layers are kept for later jobs of the project on this client. There are none yet, or others have them in use."
	default:
		return fmt.Sprintf("Layers are kept for later jobs of the project on this client. Images of earlier ones: %d.", info.Images)
	}
}
