// SPDX-License-Identifier: MPL-2.0

package placements

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/services/dispatch/placements/cluster"
	"github.com/muster-ci/muster/services/dispatch/placements/registry"
)

// describeFor bounds how long a claim waits for what the cluster knows of the
// containers: it is for people, and the build need not wait for it.
const describeFor = 2 * time.Second

// submit hands a placement to the cluster, with the images as they are to be
// fetched. The row of its spec keeps what the config says.
func (s *Service) submit(ctx context.Context, p cluster.Placement) error {
	images := slices.Clone(p.Spec.Plan.Executor.Images)
	logins, err := s.logins(ctx, p.Spec)
	if err != nil {
		return err
	}
	for i := range images {
		images[i].Image = registry.Mirrors(s.cfg.Mirrors).Rewrite(images[i])
	}
	p.Spec.Plan.Executor.Images, p.Logins = images, logins
	if wantsEngine(p.Spec.Plan) {
		if s.cfg.RemoteDocker == "" {
			return &cluster.Refusal{Reason: "setup_remote_docker has no engine here: an operator names its image in the settings (placements { remote_docker = \"docker:28-dind\" }); use the machine executor until then"}
		}
		p.Engine = s.cfg.RemoteDocker
		if wantsLayers(p.Spec.Plan) {
			p.Layers = layersOf(p.Spec)
		}
	}
	p.Near = s.near(ctx, p.Attempt.ID, p.Spec)
	return s.deps.Cluster.Submit(ctx, p)
}

// wantsEngine tells whether a job asks for a Docker engine of its own.
func wantsEngine(plan core.JobPlan) bool {
	return plan.Executor.Kind == core.ExecutorDocker &&
		slices.ContainsFunc(plan.Steps, func(s core.StepPlan) bool { return s.Kind == core.StepSetupRemoteDocker })
}

// wantsLayers tells whether that engine is to have what others left behind.
func wantsLayers(plan core.JobPlan) bool {
	return slices.ContainsFunc(plan.Steps, func(s core.StepPlan) bool {
		return s.Kind == core.StepSetupRemoteDocker && s.SetupRemoteDocker != nil && s.SetupRemoteDocker.LayerCaching
	})
}

// layersOf names those who may use the layers of a task: they are programs, and
// whoever may put some there has them run by others.
func layersOf(spec core.TaskSpec) string {
	sum := sha256.Sum256([]byte(string(spec.Pipeline.Project.ID) + "\n" + spec.Owner()))
	return hex.EncodeToString(sum[:])
}

// logins returns one for each image that asks for it, nil when none does. They
// are made anew for each try, since those of clouds end after a while.
func (s *Service) logins(ctx context.Context, spec core.TaskSpec) ([]*registry.Login, error) {
	images := spec.Plan.Executor.Images
	asks := func(i core.DockerImage) bool { return i.Auth != nil || i.AWSAuth != nil || i.GCPAuth != nil }
	if !slices.ContainsFunc(images, asks) {
		return nil, nil
	}
	variables, err := s.secrets(ctx, spec)
	if err != nil {
		return nil, err
	}
	logins := make([]*registry.Login, len(images))
	for i, image := range images {
		if logins[i], err = s.deps.Logins.Login(ctx, image, variables, s.jobTokens(&spec)); err != nil {
			if core.ErrorCode(err) == core.CodeInvalid {
				return nil, &cluster.Refusal{Reason: core.ErrorMessage(err)}
			}
			return nil, err
		}
	}
	return logins, nil
}

// jobTokens makes tokens that prove to a cloud which job it is that wants an
// image. It is the form in $CIRCLE_OIDC_TOKEN, so that a cloud's rules for what a
// job does hold for its images too.
func (s *Service) jobTokens(spec *core.TaskSpec) registry.Tokens {
	return func(ctx context.Context, audience string) (string, error) {
		tokens, err := s.deps.Peers.JobTokens.IssueJobTokens(ctx, core.JobTokenRequest{Identity: spec.JobIdentity(), Audience: []string{audience}})
		return tokens.V1, err
	}
}

// Containers implements core.Placements.
func (s *Service) Containers(ctx context.Context, id core.AttemptID) ([]core.Container, error) {
	a := &attempt{}
	err := s.deps.DB.NewSelect().Model(a).Where("id = ?", string(id)).Scan(ctx)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, unknownAttempt(id)
	case err != nil:
		return nil, fmt.Errorf("reading the attempt: %w", err)
	case a.State == stateEnded || !a.claimed():
		return nil, core.Errorf(core.CodeNotFound, "attempt %s does not run", id)
	case a.Executor != core.ExecutorDocker:
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, describeFor)
	defer cancel()
	known, err := s.deps.Cluster.Find(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("asking the cluster how the containers fare: %w", err)
	}
	return known.Containers, nil
}

// describe asks the cluster what it knows of a docker job's containers, beside
// what the caller does meanwhile; the function that it returns waits and adds
// the answer to the task. No answer is no failure.
func (s *Service) describe(ctx context.Context, a core.Attempt) func(*core.ClaimedTask) {
	if a.Executor != core.ExecutorDocker {
		return func(*core.ClaimedTask) {}
	}
	ctx, cancel := context.WithTimeout(ctx, describeFor)
	answer := make(chan cluster.Allocation, 1)
	go func() {
		known, err := s.deps.Cluster.Find(ctx, a.ID)
		if err != nil {
			s.deps.Logger.Debug("the cluster tells nothing of the containers", "attempt_id", a.ID, "error", err)
		}
		answer <- known
	}()
	return func(task *core.ClaimedTask) {
		defer cancel()
		known := <-answer
		task.Containers, task.Entrypoint = known.Containers, known.Entrypoint
		if images := task.Spec.Plan.Executor.Images; task.Entrypoint == nil && len(images) > 0 {
			task.Entrypoint = cluster.Entrypoint(images[0], cluster.ImageConfig{})
		}
	}
}
