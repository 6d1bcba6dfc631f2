// SPDX-License-Identifier: MPL-2.0

package execute

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/muster-ci/muster/agent/stream"
	"github.com/muster-ci/muster/core"
)

// How long the job's Docker engine may take to answer, and the pause between
// two questions: it starts beside us, and nothing tells when it is up.
const (
	engineFor   = 2 * time.Minute
	enginePause = 100 * time.Millisecond
)

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
	version, err := engineVersion(waiting, j.cfg.Engine)
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
		err = errors.Join(err, out.Note("%s\n", j.layersKept(waiting)))
	}
	return outcome{status: core.StepSuccess}, err
}

// layersKept says what the engine has of earlier jobs.
func (j *job) layersKept(ctx context.Context) string {
	if !j.cfg.Layers {
		return "Layers are not kept between jobs (docker_layer_caching has no effect): each job begins with an empty engine. The operator can give clients a volume for them."
	}
	client, err := engineClient(j.cfg.Engine)
	var info struct{ Images int }
	if err == nil {
		err = askEngine(ctx, client, "/info", &info)
	}
	switch {
	case err != nil:
		return fmt.Sprintf("What is left of earlier jobs is unknown: %v.", err)
	case info.Images == 0:
		return "Layers are kept for later jobs of the project on this client. There are none yet, or others have them in use."
	default:
		return fmt.Sprintf("Layers are kept for later jobs of the project on this client. Images of earlier ones: %d.", info.Images)
	}
}

// engineVersion asks until there is an answer, or ctx ends.
func engineVersion(ctx context.Context, address string) (string, error) {
	client, err := engineClient(address)
	if err != nil {
		return "", err
	}
	for {
		var answer struct{ Version string }
		err := askEngine(ctx, client, "/version", &answer)
		if err == nil && answer.Version != "" {
			return answer.Version, nil
		}
		if err == nil {
			err = errors.New("it answers without a version")
		}
		timer := time.NewTimer(enginePause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return "", err
		case <-timer.C:
		}
	}
}

func engineClient(address string) (*http.Client, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "tcp" && u.Scheme != "unix" {
		return nil, fmt.Errorf("%q is no address of a Docker engine", address)
	}
	where := u.Host
	if u.Scheme == "unix" {
		where = u.Path
	}
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, u.Scheme, where)
	}}}, nil
}

func askEngine(ctx context.Context, client *http.Client, path string, answer any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://engine"+path, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("it answers %s", response.Status)
	}
	return json.NewDecoder(io.LimitReader(response.Body, 1<<20)).Decode(answer)
}
