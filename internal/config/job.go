// SPDX-License-Identifier: MPL-2.0

package config

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/config/document"
)

// The keys of a job that only one type has.
var (
	// buildOnly are the keys that have no meaning in a job that runs nothing.
	buildOnly = []string{
		"circleci_ip_ranges", "docker", "environment", "executor", "machine", "macos", "parallelism", "resource_class", "retention", "shell",
		"working_directory",
	}
	typeKeys = map[core.JobType][]string{
		core.JobRelease: {"plan_name", "validation"},
		core.JobLock:    {"key"},
		core.JobUnlock:  {"key"},
	}
	jobTypes = []string{string(core.JobBuild), string(core.JobNoOp), string(core.JobRelease), string(core.JobLock), string(core.JobUnlock)}
)

// job reads a definition whose references are replaced.
func (c *compiler) job(d *definition, n *document.Node) *core.JobPlan {
	plan := &core.JobPlan{Type: c.jobType(n.Get("type"))}
	if plan.Type != core.JobApproval {
		c.checkTypeKeys(n, plan.Type)
	}
	switch plan.Type {
	case core.JobBuild:
		c.build(d, n, plan)
	case core.JobRelease:
		plan.Release = c.release(d, n)
	case core.JobLock, core.JobUnlock:
		plan.Key = c.lockKey(d, n)
	}
	return plan
}

func (c *compiler) jobType(n *document.Node) core.JobType {
	switch kind := c.text(n); {
	case kind == "":
		return core.JobBuild
	case kind == string(core.JobApproval):
		c.fail(n, "An approval job has no definition", "remove it here, and write type: approval where a workflow lists the job")
		return core.JobApproval
	case slices.Contains(jobTypes, kind):
		return core.JobType(kind)
	default:
		way := "most jobs have no type"
		if near := suggest(kind, jobTypes); near != "" {
			way = near
		}
		c.fail(n, fmt.Sprintf("Invalid job type '%s'. Allowed types: %s", clip(kind), strings.Join(jobTypes, ", ")), way)
	}
	return core.JobBuild
}

// checkTypeKeys refuses the keys of another type, and tells of steps that a job
// of this type does not run.
func (c *compiler) checkTypeKeys(n *document.Node, kind core.JobType) {
	own := typeKeys[kind]
	for i, key := range n.Keys {
		switch {
		case slices.Contains(own, key.Text):
		case kind == core.JobLock || kind == core.JobUnlock:
			if !slices.Contains([]string{"description", "parameters", "type"}, key.Text) {
				c.extraneous(n.KeyAt(i), append([]string{"description", "parameters", "type"}, own...))
			}
		case slices.Contains([]string{"key", "plan_name", "validation"}, key.Text):
			c.fail(n.KeyAt(i), "extraneous key ["+key.Text+"] is not permitted", fmt.Sprintf("a job of type %s has no %s", kind, key.Text))
		case kind == core.JobBuild:
		case key.Text == "steps":
			c.warn(n.KeyAt(i), "Steps only exist in `build` jobs. Steps here will be ignored.", "remove them, or remove the type")
		case slices.Contains(buildOnly, key.Text):
			c.warn(n.KeyAt(i), fmt.Sprintf("The key [%s] has no effect in a job of type %s", key.Text, kind), "remove it")
		}
	}
}

// build reads a job that runs steps.
func (c *compiler) build(d *definition, n *document.Node, plan *core.JobPlan) {
	s := c.jobSurroundings(d, n)
	plan.Executor, plan.ResourceClass, plan.Shell = s.executor, s.resourceClass, s.shell
	plan.WorkingDirectory, plan.Environment = s.workingDirectory, s.environment
	if at := n.Get("parallelism"); at != nil {
		plan.Parallelism = c.integer(at, 1, maxParallel)
		if plan.Parallelism == 1 && !at.Derived {
			c.warn(at, "To benefit from parallelism, you should select a value greater than 1.", "remove the key, or split the tests over 2 tasks and more")
		}
	}
	plan.IPRanges = c.boolean(n.Get("circleci_ip_ranges"))
	plan.CacheRetention = c.retention(n.Get("retention"))
	switch steps := n.Get("steps"); {
	case steps == nil:
		c.fail(d.key, "required key [steps] not found", fmt.Sprintf("add steps: to the job %s, with at least one step", clip(d.name)))
	case steps.Kind == document.List && len(steps.Items) == 0:
		// Conditional steps can leave a job without any, so that a processed
		// config may have such a job.
		c.warn(steps, fmt.Sprintf("The job %s has no steps", clip(d.name)), "add - checkout, or - run: command")
	default:
		plan.Steps = c.steps(steps, 0)
		c.oneRemoteDocker(d, plan, steps)
	}
}

// jobSurroundings puts the job's own keys over those of its named executor. The
// job's own docker list, machine or macos takes the place of the executor's,
// which must be of the same kind.
func (c *compiler) jobSurroundings(d *definition, n *document.Node) surroundings {
	s := c.surroundings(n)
	own, at := s.executor.Kind, n.Get("executor")
	if at != nil {
		named := remember(c, &c.executorsRead, at, func() namedSurroundings {
			base, ok := c.namedExecutor(at)
			return namedSurroundings{base, ok}
		})
		if !named.ok {
			return s
		}
		base := named.base
		if kind := base.executor.Kind; kind != "" && own != "" && kind != own {
			c.fail(at, fmt.Sprintf("A job runs on one executor, but the job gives %s and its executor %s gives %s", own, base.name, kind), "remove one of them")
		}
		s = s.over(base)
	}
	if s.executor.Kind != "" {
		return s
	}
	given := slices.ContainsFunc(executorKinds, func(kind string) bool { return n.Find(kind) >= 0 })
	switch {
	case given: // and broken, which was told
	case at != nil:
		c.fail(at, fmt.Sprintf("Executor %s is missing a required key: \"docker\", \"machine\", or \"macos\"", s.name), "add one of them to the executor, or to the job")
	default:
		c.fail(d.key, fmt.Sprintf("The job %s names no executor", clip(d.name)), "add docker: [{image: name:tag}], machine: true, or executor: name")
	}
	return s
}

var retentionKeys = keySet{permitted: []string{"caches"}}

// maxRetentionDays is how long a job's caches can be kept.
const maxRetentionDays = 30

// retention reads for how many days the job's caches are kept.
func (c *compiler) retention(n *document.Node) time.Duration {
	if n == nil || !c.fields(n, retentionKeys) || n.Get("caches") == nil {
		return 0
	}
	at := n.Get("caches")
	text, ok := strings.CutSuffix(c.text(at), "d")
	days := 0
	if _, err := fmt.Sscanf(text, "%d", &days); at.Kind != document.String || !ok || err != nil || fmt.Sprint(days) != text || days < 1 || days > maxRetentionDays {
		if at.Kind == document.String {
			c.fail(at, fmt.Sprintf("%q is not a time that caches can be kept", clip(at.Text)), fmt.Sprintf("write a number of days from 1d to %dd", maxRetentionDays))
		}
		return 0
	}
	return time.Duration(days) * 24 * time.Hour
}
