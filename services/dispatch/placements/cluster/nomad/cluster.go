// SPDX-License-Identifier: MPL-2.0

package nomad

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/nomad/api"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/hcl/jobspec"
	"github.com/muster-ci/muster/services/dispatch/placements/cluster"
)

// Cluster implements cluster.Cluster. Any number of processes may use the same
// namespace.
type Cluster struct {
	cfg    Config
	deps   Deps
	client *api.Client
	// carriers is used when the agent may come either way.
	carriers *carriers
	lent     lent
}

var _ cluster.Cluster = (*Cluster)(nil)

// New checks its arguments; it does not talk to Nomad.
func New(cfg Config, deps Deps) (*Cluster, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	own := *cfg.API
	own.Namespace = cfg.Namespace
	client, err := api.NewClient(&own)
	if err != nil {
		return nil, core.Errorf(core.CodeInvalid, "the address of Nomad: %w", err)
	}
	return &Cluster{cfg: cfg, deps: deps, client: client,
		carriers: &carriers{client: client, version: cfg.Agent.Version, now: time.Now, pools: map[string]census{}}}, nil
}

// prefix is what all ids of attempts begin with.
const prefix = "m-"

// Submit implements cluster.Cluster.
func (c *Cluster) Submit(ctx context.Context, p cluster.Placement) error {
	kind := p.Attempt.Executor
	template := c.cfg.Templates[kind]
	if template == nil {
		return &cluster.Refusal{Reason: fmt.Sprintf("this installation has no job template for the %s executor", kind)}
	}
	if kind == core.ExecutorDocker && len(p.Spec.Plan.Executor.Images) == 0 {
		return &cluster.Refusal{Reason: "the job uses the docker executor and names no image"}
	}
	known := c.inspect(ctx, &p)
	in := jobspec.Input{Attempt: p.Attempt.ID, Spec: p.Spec, Class: p.Class, OutputURLs: c.cfg.OutputURLs, BaseURL: c.cfg.BaseURL, Engine: p.Engine}
	in.Logins, in.WithLogin = loginsOf(p)
	if keepsCopies(p.Spec.Plan) {
		in.Copies, in.Near = c.cfg.Copies, p.Near
	}
	if p.Layers != "" && c.cfg.LayersVolume != "" {
		in.Layers, in.Near = jobspec.Layers{Volume: c.cfg.LayersVolume, Key: p.Layers}, p.Near
	}
	job, carried, err := c.render(ctx, template, in)
	if err != nil {
		c.deps.Logger.Error("failed to render the job template", "attempt_id", p.Attempt.ID, "error", err)
		return &cluster.Refusal{Reason: "the Nomad job cannot be made: " + core.ErrorMessage(err)}
	}
	c.remember(job, known)
	if err := c.lend(ctx, p); err != nil {
		return err
	}
	if err = c.register(ctx, job); carried && isForbidden(err) {
		c.deps.Logger.Warn("Nomad does not let placements use the agent on clients, the build downloads it; run muster bootstrap again", "attempt_id", p.Attempt.ID, "error", err)
		if job, err = template.Render(c.withArchive(in)); err == nil {
			c.remember(job, known)
			err = c.register(ctx, job)
		}
	}
	err = refined(err)
	if refusal := (*cluster.Refusal)(nil); errors.As(err, &refusal) {
		c.takeBack(ctx, p.Attempt.ID)
	}
	return err
}

// keepsCopies tells whether a job has steps whose data a client may keep.
func keepsCopies(plan core.JobPlan) bool {
	return slices.ContainsFunc(plan.Steps, func(s core.StepPlan) bool {
		switch s.Kind {
		case core.StepSaveCache, core.StepRestoreCache, core.StepPersistToWorkspace, core.StepAttachWorkspace:
			return true
		default:
			return false
		}
	})
}

// register asks for an index of 0, which means "only if there is none" and makes
// a second Submit harmless.
func (c *Cluster) register(ctx context.Context, job *api.Job) error {
	_, _, err := c.client.Jobs().RegisterOpts(job, &api.RegisterOptions{EnforceIndex: true}, (&api.WriteOptions{}).WithContext(ctx))
	return err
}

func isForbidden(err error) bool {
	var answer api.UnexpectedResponseError
	return errors.As(err, &answer) && answer.StatusCode() == http.StatusForbidden
}

// refined sorts the errors of a registration.
func refined(err error) error {
	if err == nil || strings.Contains(err.Error(), api.RegisterEnforceIndexErrPrefix) {
		return nil // it is registered already
	}
	var answer api.UnexpectedResponseError
	if errors.As(err, &answer) && answer.HasStatusCode() {
		status, body := answer.StatusCode(), strings.TrimSpace(answer.Body())
		invalid := status >= 400 && status < 500 && status != http.StatusForbidden && status != http.StatusTooManyRequests && status != http.StatusUnauthorized
		if invalid || strings.Contains(body, "validation") || strings.Contains(body, "nonexistent node pool") || strings.Contains(body, "nonexistent namespace") {
			return &cluster.Refusal{Reason: "Nomad refuses the job: " + body}
		}
		return core.Errorf(core.CodeUnavailable, "Nomad cannot take the job now (%d: %s)", status, body)
	}
	return core.Errorf(core.CodeUnavailable, "Nomad cannot be reached: %w", err)
}

// away is for reads, which can always be tried again.
func away(doing string, err error) error {
	return core.Errorf(core.CodeUnavailable, "%s: %w", doing, err)
}

func isNotFound(err error) bool {
	var answer api.UnexpectedResponseError
	return errors.As(err, &answer) && answer.StatusCode() == http.StatusNotFound
}

// Stop implements cluster.Cluster.
func (c *Cluster) Stop(ctx context.Context, id core.AttemptID) error {
	_, _, err := c.client.Jobs().DeregisterOpts(string(id), &api.DeregisterOptions{Purge: true}, (&api.WriteOptions{}).WithContext(ctx))
	if err == nil || isNotFound(err) {
		c.returned(ctx, id)
		return nil
	}
	return away("stopping the Nomad job", err)
}

// List implements cluster.Cluster: three lists, joined by job.
func (c *Cluster) List(ctx context.Context) ([]cluster.Allocation, error) {
	jobs, _, err := c.client.Jobs().ListOptions(nil, (&api.QueryOptions{Prefix: prefix}).WithContext(ctx))
	if err != nil {
		return nil, away("listing the Nomad jobs", err)
	}
	filter := (&api.QueryOptions{Filter: `JobID matches "^m-"`}).WithContext(ctx)
	allocs, _, err := c.client.Allocations().List(filter)
	if err != nil {
		return nil, away("listing the allocations", err)
	}
	blocked, _, err := c.client.Evaluations().List((&api.QueryOptions{Filter: `JobID matches "^m-" and Status == "blocked"`}).WithContext(ctx))
	if err != nil {
		return nil, away("listing the evaluations", err)
	}
	// The oldest first: a job has one allocation, unless someone who stopped it
	// by hand had Nomad make another, which never gets the work.
	slices.SortFunc(allocs, func(a, b *api.AllocationListStub) int { return int(a.CreateTime - b.CreateTime) })
	found := map[string]*api.AllocationListStub{}
	for _, a := range allocs {
		if found[a.JobID] == nil {
			found[a.JobID] = a
		}
	}
	waits := map[string]string{}
	for _, e := range blocked {
		waits[e.JobID] = placementFailure(e)
	}
	var list []cluster.Allocation
	for _, job := range jobs {
		if cluster.IsAttempt(job.ID) {
			list = append(list, ofJob(job, found[job.ID], waits[job.ID]))
		}
	}
	c.sweep(ctx, list)
	return list, nil
}

func ofJob(job *api.JobListStub, alloc *api.AllocationListStub, waits string) cluster.Allocation {
	created := time.Unix(0, job.SubmitTime)
	if alloc == nil && (job.Stop || job.Status == "dead") {
		return cluster.Allocation{
			Attempt: core.AttemptID(job.ID), State: cluster.Ended, Kind: cluster.Killed,
			Reason: "the Nomad job was stopped before it was placed", Created: created,
		}
	}
	if alloc == nil {
		return cluster.Allocation{Attempt: core.AttemptID(job.ID), State: cluster.Pending, Reason: waits, Created: created}
	}
	a := fromStub(alloc)
	a.Created = created
	return a
}

// Find implements cluster.Cluster.
func (c *Cluster) Find(ctx context.Context, id core.AttemptID) (cluster.Allocation, error) {
	query := func() *api.QueryOptions { return (&api.QueryOptions{}).WithContext(ctx) }
	job, _, err := c.client.Jobs().Info(string(id), query())
	if isNotFound(err) {
		return cluster.Allocation{}, core.Errorf(core.CodeNotFound, "Nomad has no job %s", id)
	}
	if err != nil {
		return cluster.Allocation{}, away("asking for the Nomad job", err)
	}
	allocs, _, err := c.client.Jobs().Allocations(string(id), true, query())
	if err != nil {
		return cluster.Allocation{}, away("asking for the allocations", err)
	}
	stub := &api.JobListStub{ID: string(id), Stop: job.Stop != nil && *job.Stop}
	if job.SubmitTime != nil {
		stub.SubmitTime = *job.SubmitTime
	}
	if job.Status != nil {
		stub.Status = *job.Status
	}
	if len(allocs) == 0 {
		return ofJob(stub, nil, ""), nil
	}
	oldest := slices.MinFunc(allocs, func(a, b *api.AllocationListStub) int { return int(a.CreateTime - b.CreateTime) })
	found := ofJob(stub, oldest, "")
	found.Containers = containers(oldest.TaskStates, time.Now())
	recall(job, &found)
	return found, nil
}

// Watch implements cluster.Cluster.
func (c *Cluster) Watch(ctx context.Context, news func([]cluster.Allocation)) error {
	ctx, cancel := context.WithCancel(ctx) // ends the stream's goroutine when we return first
	defer cancel()
	topics := map[api.Topic][]string{api.TopicAllocation: {"*"}, api.TopicEvaluation: {"*"}}
	stream, err := c.client.EventStream().Stream(ctx, topics, 0, (&api.QueryOptions{Namespace: c.cfg.Namespace}).WithContext(ctx))
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return away("opening Nomad's events", err)
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case events, open := <-stream:
			if ctx.Err() != nil {
				return nil
			}
			if !open {
				return errors.New("Nomad closed the events")
			}
			if events.Err != nil {
				return fmt.Errorf("reading Nomad's events: %w", events.Err)
			}
			if some := c.fromEvents(events.Events); len(some) > 0 {
				news(some)
			}
		}
	}
}

// fromEvents picks what is about attempts. An event that cannot be read is
// left to the next list.
func (c *Cluster) fromEvents(events []api.Event) []cluster.Allocation {
	var news []cluster.Allocation
	for _, e := range events {
		switch e.Topic {
		case api.TopicAllocation:
			alloc, err := e.Allocation()
			if err == nil && alloc != nil && cluster.IsAttempt(alloc.JobID) {
				news = append(news, fromStub(stubOf(alloc)))
			}
		case api.TopicEvaluation:
			eval, err := e.Evaluation()
			if err != nil || eval == nil || !cluster.IsAttempt(eval.JobID) || eval.Status != "blocked" {
				continue
			}
			news = append(news, cluster.Allocation{
				Attempt: core.AttemptID(eval.JobID), State: cluster.Pending, Reason: placementFailure(eval), Created: time.Unix(0, eval.CreateTime),
			})
		}
	}
	return news
}

// stubOf keeps what fromStub reads; Allocation.Stub wants the job, which events
// do not carry.
func stubOf(a *api.Allocation) *api.AllocationListStub {
	return &api.AllocationListStub{
		ID: a.ID, JobID: a.JobID, NodeID: a.NodeID, NodeName: a.NodeName,
		DesiredStatus: a.DesiredStatus, DesiredDescription: a.DesiredDescription,
		ClientStatus: a.ClientStatus, ClientDescription: a.ClientDescription,
		TaskStates: a.TaskStates, CreateTime: a.CreateTime,
	}
}
