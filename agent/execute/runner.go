// SPDX-License-Identifier: MPL-2.0

package execute

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/muster-ci/muster/agent/answer"
	"github.com/muster-ci/muster/agent/archive"
	"github.com/muster-ci/muster/agent/mask"
	"github.com/muster-ci/muster/agent/process"
	"github.com/muster-ci/muster/agent/stream"
	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/wire"
)

// Config is what a site or a test may change of the runtime.
type Config struct {
	Version  string
	Host     string
	BaseURL  string        // of the user interface, for CIRCLE_BUILD_URL; "" leaves the variable out
	Engine   string        // address of the job's own Docker engine; "" where it has none
	Layers   bool          // that engine keeps layers between jobs
	APIURL   string        // of the API as builds reach it; "" means BaseURL
	Bundle   string        // PEM file of the authorities that builds trust; "" leaves the variables out
	TempDir  string        // for scripts and BASH_ENV; "" means the system's
	SpareDir string        // takes the place of TempDir where that cannot be written
	Grace    time.Duration // from SIGTERM to SIGKILL; 0 means 10 s
	NoOutput time.Duration // silence that ends a step which sets no limit; 0 means 10 min
	Environ  []string      // of the image; the agent's own variables are taken out
	LinkDir  string        // of the container, for links to the commands of the job; "" means none
	SSH      SSHConfig
	Keep     Keep
	// Yield is how long a node that is to deploy waits for others that have lost
	// their place before it gives its own back; 0 means 2 min.
	Yield time.Duration
}

// Keep is how long the steps that keep and bring back files try when what they
// lean on fails.
type Keep struct {
	Patience      time.Duration // of what a build cannot do without; 0 means 10 min
	CachePatience time.Duration // of caches, without which it goes on; 0 means 1 min
	CacheLimit    time.Duration // of one cache, also if nothing fails; 0 means 30 min
}

// SSHConfig says where a job listens that somebody may log in to.
type SSHConfig struct {
	Listen  string // such as :64540; "" leaves only the way through the gateway
	Address string // host or host:port for people; "" is the listener's own
	Program string // muster-agent itself, which serves sftp
}

// Deps are what a Runner leans on.
type Deps struct {
	Logger    hclog.Logger
	Clock     core.Clock
	Recorder  *stream.Recorder
	Processes *process.Table
	Masks     *mask.Set
	// Tokens asks for OIDC tokens of the job; nil for none.
	Tokens func(ctx context.Context, audience []string) (core.JobTokens, error)
	// Siblings returns how the other tasks of the job are, as soon as that is
	// another answer than the known version, and after wait otherwise. It is asked
	// again after CodeUnavailable.
	Siblings func(ctx context.Context, known string, wait time.Duration) (core.Siblings, error)
	// Outside hands what comes for a job with SSH through the gateway to serve,
	// until ctx ends; nil for none.
	Outside func(ctx context.Context, serve func(net.Conn))
	// Services tells how the containers of a docker job fare now; nil for none.
	Services func(ctx context.Context) ([]core.Container, error)
	// Source opens the bundle of a task whose source is one.
	Source func(ctx context.Context) (io.ReadCloser, error)
	// Answer registers what the commands of the job may ask beside what this
	// package answers; nil adds nothing.
	Answer func(*answer.Server)
	// Archives keeps and brings back caches, workspaces and artifacts; without it
	// their steps fail.
	Archives *archive.Store
	// Sweep ends whatever processes of the build are left at its end.
	Sweep func(grace time.Duration)
}

// Result is how a task ended.
type Result struct {
	Status core.JobStatus
	Reason string
	// OutOfMemory says why a failure is the infrastructure's.
	OutOfMemory bool
}

// Interruption ends a task before its steps do. It is given as the cause of
// the context of Run: canceled, timedout, or infrastructure_fail.
type Interruption Result

// Error returns the reason.
func (i *Interruption) Error() string { return i.Reason }

// Runner runs tasks.
type Runner struct {
	cfg  Config
	deps Deps
}

// New returns a Runner.
func New(cfg Config, deps Deps) (*Runner, error) {
	if deps.Recorder == nil || deps.Processes == nil || deps.Masks == nil {
		return nil, errors.New("execute needs a recorder, a process table and masks")
	}
	if cfg.Grace <= 0 {
		cfg.Grace = 10 * time.Second
	}
	if cfg.NoOutput <= 0 {
		cfg.NoOutput = 10 * time.Minute
	}
	cfg.Yield = cmp.Or(cfg.Yield, 2*time.Minute)
	cfg.Keep.Patience = cmp.Or(cfg.Keep.Patience, 10*time.Minute)
	cfg.Keep.CachePatience = cmp.Or(cfg.Keep.CachePatience, time.Minute)
	cfg.Keep.CacheLimit = cmp.Or(cfg.Keep.CacheLimit, 30*time.Minute)
	return &Runner{cfg: cfg, deps: deps}, nil
}

// Run runs the steps of a task and tells its start and its end. It returns an
// error only when the telling failed, that is when the output was given up.
func (r *Runner) Run(ctx context.Context, task core.ClaimedTask) (Result, error) {
	err := r.deps.Recorder.Event(wire.Event{Type: wire.TaskStarted, AgentVersion: r.cfg.Version, Host: r.cfg.Host})
	if err != nil {
		return Result{}, fmt.Errorf("telling the start of the task: %w", err)
	}
	result, err := r.steps(ctx, task)
	if err != nil {
		result = Result{Status: core.JobInfrastructureFail, Reason: "The agent could not go on: " + err.Error()}
		r.deps.Logger.Error("the task failed for the agent's own reasons", "error", err)
	}
	err = r.deps.Recorder.Event(wire.Event{Type: wire.TaskEnded, Status: result.Status, Reason: result.Reason, OutOfMemory: result.OutOfMemory})
	if err != nil {
		return result, fmt.Errorf("telling the end of the task: %w", err)
	}
	return result, nil
}

// steps runs them in a job of their own, of which nothing is left afterwards.
func (r *Runner) steps(ctx context.Context, task core.ClaimedTask) (Result, error) {
	temp, err := os.MkdirTemp(r.cfg.TempDir, "muster-task-*")
	if err != nil && r.cfg.SpareDir != "" {
		// An image may have no /tmp, or one that its user may not write to.
		temp, err = os.MkdirTemp(r.cfg.SpareDir, "muster-task-*")
	}
	if err != nil {
		return Result{}, fmt.Errorf("making a folder for scripts: %w", nameDisk(err, cmp.Or(r.cfg.TempDir, os.TempDir())))
	}
	defer os.RemoveAll(temp)
	j, err := newJob(ctx, r, task, temp)
	if err != nil {
		return Result{}, err
	}
	j.fetchTokens(ctx)
	defer j.openAnswers()()
	defer j.linkCommands()()
	defer r.sweep()
	defer j.closeSSH()
	stopUsage, stopServices := j.sampleUsage(), j.watchServices(ctx)
	result, err := j.run(ctx)
	stopUsage()
	stopServices()
	if err == nil {
		result, err = j.waitForSSH(ctx, result)
	}
	return result, errors.Join(err, j.endBackground(ctx))
}

func (r *Runner) sweep() {
	if r.deps.Sweep != nil {
		r.deps.Sweep(r.cfg.Grace)
	}
}
