// SPDX-License-Identifier: MPL-2.0

package supervise

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/muster-ci/muster/agent/archive"
	"github.com/muster-ci/muster/agent/execute"
	"github.com/muster-ci/muster/agent/mask"
	"github.com/muster-ci/muster/agent/process"
	"github.com/muster-ci/muster/agent/stream"
	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/wire"
)

// Deps are what an Agent leans on.
type Deps struct {
	Logger hclog.Logger
	// Clock is the client's, which counts until the claim is answered.
	Clock core.Clock
	NewID func() string
	// Elapsed begins to count, by a clock that nobody sets; nil is the monotonic
	// one.
	Elapsed func() (since func() time.Duration)
	// Processes starts the build's commands.
	Processes *process.Table
	// Sweep ends every process that the build left behind: process.StopAll in
	// an agent that is hardened, nil where the process is shared.
	Sweep func(grace time.Duration)
}

// Agent runs one attempt.
type Agent struct {
	cfg    Config
	deps   Deps
	client *stream.Client
}

// New returns an Agent that has done nothing yet.
func New(cfg Config, deps Deps) (*Agent, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if deps.Elapsed == nil {
		deps.Elapsed = monotonic
	}
	return &Agent{cfg: cfg, deps: deps, client: stream.NewClient(cfg.Addresses)}, nil
}

// Run claims the attempt and runs it. The end of ctx asks it to stop: the
// build ends as the infrastructure's failure, which is told, and Run returns as it does otherwise. It
// returns nil when the end of the task has been acknowledged.
func (a *Agent) Run(ctx context.Context) error {
	claim, identity, err := a.claim(ctx)
	if err != nil {
		return err
	}
	a.follow(claim.Now)
	attempt := claim.Task.Attempt.ID
	logger := a.deps.Logger.With("attempt_id", attempt, "task_id", claim.Task.Spec.Task)
	logger.Info("task claimed", "job", claim.Task.Spec.Plan.Name)
	spool, err := stream.NewSpool(a.cfg.SpoolDir, a.cfg.SpoolBytes, logger)
	if err != nil {
		return err
	}
	defer spool.Close()
	t := &tracked{Agent: a, claim: claim, spool: spool, logger: logger, masks: mask.NewSet(secrets(claim, identity)...)}
	return t.run(ctx)
}

// tracked is a claimed attempt.
type tracked struct {
	*Agent
	claim  wire.ClaimResponse
	spool  *stream.Spool
	masks  *mask.Set
	logger hclog.Logger
}

// run has two contexts: build ends when the build has to; delivery when
// telling of it is hopeless, which outlives the build by Linger.
func (t *tracked) run(ctx context.Context) error {
	delivery, giveUp := context.WithCancelCause(context.WithoutCancel(ctx))
	defer giveUp(nil)
	build, interrupt := context.WithCancelCause(delivery)
	defer interrupt(nil)
	stopWatching := context.AfterFunc(ctx, func() {
		// People cancel through output. Who sends a signal is the client, which is
		// drained or shut down: nothing that the job could help.
		interrupt(&execute.Interruption{Status: core.JobInfrastructureFail, Reason: stoppedOutside})
	})
	defer stopWatching()
	if limit := t.claim.Task.TimeLimit; limit > 0 {
		timer := time.AfterFunc(limit, func() {
			interrupt(&execute.Interruption{Status: core.JobTimedOut, Reason: fmt.Sprintf("The job ran longer than its limit of %s.", limit)})
		})
		defer timer.Stop()
	}
	sent := make(chan error, 1)
	sender, err := t.sender(interrupt)
	if err != nil {
		return err
	}
	go func() {
		err := sender.Run(delivery)
		if err != nil {
			t.refused(err, interrupt, giveUp)
		}
		sent <- err
	}()
	buildErr := t.build(build, delivery)
	t.spool.Finish()
	timer := time.AfterFunc(t.cfg.Linger, func() {
		giveUp(core.Errorf(core.CodeUnavailable, "output did not answer for %s after the build's end", t.cfg.Linger))
	})
	defer timer.Stop()
	if err := <-sent; err != nil {
		return fmt.Errorf("delivering the task's output: %w", err)
	}
	return buildErr
}

// refused ends the build when nobody will ever take its output.
func (t *tracked) refused(err error, interrupt, giveUp context.CancelCauseFunc) {
	interrupt(&execute.Interruption{Status: core.JobInfrastructureFail, Reason: err.Error()})
	giveUp(err)
}

func (t *tracked) sender(interrupt context.CancelCauseFunc) (*stream.Sender, error) {
	return stream.NewSender(stream.SenderConfig{Heartbeat: t.claim.Limits.Heartbeat}, stream.SenderDeps{
		Logger: t.logger,
		Clock:  t.deps.Clock,
		Spool:  t.spool,
		Client: t.client,
		Stop: func(reason string) {
			interrupt(&execute.Interruption{Status: core.JobCanceled, Reason: stopReason(reason)})
		},
	})
}

// stoppedOutside is all that an agent knows of a signal. Placements knows the
// cluster's words for it and puts them in its place.
const stoppedOutside = "The job was stopped from outside (SIGTERM), as by a client that is drained or shut down."

func stopReason(reason string) string {
	if reason == "" || reason == "canceled" {
		return "The job was canceled."
	}
	return "The job was stopped: " + reason
}

// build runs the steps. Their output goes on being recorded when ctx has
// ended, until delivery does.
func (t *tracked) build(ctx, delivery context.Context) error {
	archives, err := archive.New(archive.Config{CopiesDir: t.cfg.CopiesDir, CopiesBytes: t.cfg.CopiesBytes, Stall: t.cfg.Transfers.Stall},
		archive.Deps{Logger: t.logger, Caller: t.client, NewID: t.deps.NewID})
	if err != nil {
		return err
	}
	recorder := stream.NewRecorder(delivery, t.spool, t.masks, t.claim.Limits.StepBytes, t.deps.Clock)
	runner, err := execute.New(execute.Config{
		Version:  t.cfg.Version,
		Host:     t.cfg.Host,
		BaseURL:  t.cfg.BaseURL,
		APIURL:   t.cfg.APIURL,
		Bundle:   t.cfg.Bundle,
		Engine:   t.cfg.Engine,
		Layers:   t.cfg.Layers,
		SpareDir: t.cfg.SpoolDir,
		Grace:    t.cfg.Grace,
		Environ:  t.cfg.Environ,
		LinkDir:  t.cfg.LinkDir,
		SSH:      t.cfg.SSH,
		Yield:    t.cfg.Yield,
		Keep: execute.Keep{
			Patience: t.cfg.Transfers.Patience, CachePatience: t.cfg.Transfers.CachePatience, CacheLimit: t.cfg.Transfers.CacheLimit,
		},
	}, execute.Deps{
		Logger:    t.logger,
		Clock:     t.deps.Clock,
		Recorder:  recorder,
		Processes: t.deps.Processes,
		Masks:     t.masks,
		Source:    t.client.Source,
		Tokens:    t.jobTokens,
		Siblings:  t.siblings,
		Services:  t.services,
		Outside:   t.outside,
		Answer:    t.register,
		Archives:  archives,
		Sweep:     t.deps.Sweep,
	})
	if err != nil {
		return err
	}
	result, err := runner.Run(ctx, t.claim.Task)
	t.logger.Info("task ended", "status", result.Status, "reason", t.masks.String(result.Reason))
	return err
}

// secrets are all values that must not be seen in output: the project's, the
// agent's own credentials, and the password in a clone URL.
func secrets(claim wire.ClaimResponse, identity string) []string {
	values := []string{claim.Token, identity}
	for _, v := range claim.Task.Secrets {
		values = append(values, v.Value)
	}
	source := claim.Task.Spec.Pipeline.Source
	for _, address := range []string{source.RepositoryURL, claim.Task.Spec.Pipeline.Project.RepositoryURL} {
		if u, err := url.Parse(address); err == nil && u.User != nil {
			if password, ok := u.User.Password(); ok {
				values = append(values, password)
			}
		}
	}
	return values
}
