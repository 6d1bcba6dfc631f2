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
		err = errors.Join(err, out.Note("Layers are not kept between jobs (docker_layer_caching has no effect): each job begins with an empty engine.\n"))
	}
	return outcome{status: core.StepSuccess}, err
}

// engineVersion asks until there is an answer, or ctx ends.
func engineVersion(ctx context.Context, address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "tcp" && u.Scheme != "unix" {
		return "", fmt.Errorf("%q is no address of a Docker engine", address)
	}
	where := u.Host
	if u.Scheme == "unix" {
		where = u.Path
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, u.Scheme, where)
	}}}
	for {
		version, err := askVersion(ctx, client)
		if err == nil {
			return version, nil
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

func askVersion(ctx context.Context, client *http.Client) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://engine/version", nil)
	if err != nil {
		return "", err
	}
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	var answer struct{ Version string }
	if err := json.NewDecoder(io.LimitReader(response.Body, 1<<20)).Decode(&answer); err != nil || answer.Version == "" {
		return "", fmt.Errorf("it answers %s without a version", response.Status)
	}
	return answer.Version, nil
}
