// SPDX-License-Identifier: MPL-2.0

package gateway

import (
	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/api"
)

// maxUsageTasks is how many tasks' use output tells at once.
const maxUsageTasks = 1000

// maxUsageJobs is how many jobs of a workflow are looked at: each takes a
// question for its tasks.
const maxUsageJobs = 200

// jobUsage answers GET /jobs/{id}/resource-usage.
func (s *Service) jobUsage(r *request) (any, error) {
	job, used, err := s.usageOfJob(r)
	if err != nil {
		return nil, err
	}
	return showUsage(job, used), nil
}

// jobUsageV3 answers GET /api/v3/jobs/{id}/resource-usage.
func (s *Service) jobUsageV3(r *request) (any, error) {
	job, used, err := s.usageOfJob(r)
	if err != nil {
		return nil, err
	}
	shown := showUsage(job, used)
	usage := api.V3Usage{Class: shown.Class, Executions: make([]api.V3Execution, 0, len(shown.Tasks))}
	for _, task := range shown.Tasks {
		usage.Executions = append(usage.Executions, api.V3Execution{Index: task.Index, UsageSeries: task.UsageSeries})
	}
	return api.V3[api.V3Usage]{Data: api.V3Entity[api.V3Usage]{ID: shown.JobID, Type: "resource-usage", Attributes: usage}}, nil
}

// usageOfJob is the job in the address with what its tasks used. A job that
// used nothing that is known has none, as on CircleCI.
func (s *Service) usageOfJob(r *request) (core.Job, map[core.TaskID]core.ResourceUsage, error) {
	job, err := s.jobByID(r)
	if err != nil {
		return job, nil, err
	}
	used, err := s.usage(r, true, job)
	if err == nil && len(used) == 0 {
		err = core.Errorf(core.CodeNotFound, "no use of resources is known of this job: it has not run, or not for long enough yet")
	}
	return job, used, err
}

// workflowUsage answers GET /workflows/{id}/resource-usage.
func (s *Service) workflowUsage(r *request) (any, error) {
	w, err := s.workflow(r)
	if err != nil {
		return nil, err
	}
	jobs, err := s.deps.Peers.Jobs.WorkflowJobs(r.ctx(), w.ID)
	if err != nil {
		return nil, err
	}
	var began []core.Job
	for _, job := range jobs {
		if job.StartedAt == nil || len(began) == maxUsageJobs {
			continue
		}
		if job, err = s.deps.Peers.Jobs.Job(r.ctx(), job.ID); err != nil { // with its tasks
			return nil, err
		}
		began = append(began, job)
	}
	used, err := s.usage(r, false, began...)
	if err != nil {
		return nil, err
	}
	items := []api.JobUsage{}
	for _, job := range began {
		if shown := showUsage(job, used); len(shown.Tasks) > 0 {
			shown.Tasks = nil // without their series they say nothing more
			items = append(items, shown)
		}
	}
	return api.NewList(items, ""), nil
}

// usage returns what the last attempts at tasks of jobs used.
func (s *Service) usage(r *request, series bool, jobs ...core.Job) (map[core.TaskID]core.ResourceUsage, error) {
	var ids []core.TaskID
	for _, job := range jobs {
		for _, task := range job.Tasks {
			ids = append(ids, task.ID)
		}
	}
	last := make(map[core.TaskID]core.ResourceUsage, len(ids))
	for len(ids) > 0 {
		n := min(maxUsageTasks, len(ids))
		used, err := s.deps.Peers.Usage.TaskUsage(r.ctx(), core.UsageQuery{Tasks: ids[:n], Series: series})
		if err != nil {
			return nil, err
		}
		for _, u := range used {
			last[u.Task] = u // by number: the last stays
		}
		ids = ids[n:]
	}
	return last, nil
}

func showUsage(job core.Job, used map[core.TaskID]core.ResourceUsage) api.JobUsage {
	shown := api.JobUsage{JobID: string(job.ID), Number: job.Number, Name: job.Name, Tasks: []api.TaskUsage{}}
	var all []core.ResourceUsage
	for _, task := range job.Tasks {
		u, ok := used[task.ID]
		if !ok {
			continue
		}
		all = append(all, u)
		shown.Class = api.UsageClass{Name: u.Class.Name, Cores: u.Class.Cores, Memory: u.Class.Memory}
		shown.NetworkIn += u.NetworkIn
		shown.NetworkOut += u.NetworkOut
		shown.Tasks = append(shown.Tasks, showTaskUsage(task.Index, u))
	}
	for _, u := range all {
		add(&shown.CPU, u.CPU, len(all))
		add(&shown.Memory, u.Memory, len(all))
		add(&shown.Disk, u.Disk, len(all))
	}
	shown.Hint = core.UsageHint(all)
	return shown
}

// add takes one of n tasks into the job's.
func add(to *api.UsageStats, u core.UsageStats, n int) {
	to.Average += u.Average / float64(n)
	to.Peak = max(to.Peak, u.Peak)
}

func showTaskUsage(index int, u core.ResourceUsage) api.TaskUsage {
	t := api.TaskUsage{Index: index, Attempt: u.Number, CPUStats: api.UsageStats(u.CPU), MemStats: api.UsageStats(u.Memory)}
	t.UsageSeries = api.UsageSeries{Interval: u.Interval.Milliseconds(), CPU: []float64{}, Memory: []int64{}, Disk: []int64{}, NetworkIn: u.NetworkIn, NetworkOut: u.NetworkOut}
	if u.Series != nil {
		t.CPU, t.Memory, t.Disk = u.Series.CPU, u.Series.Memory, u.Series.Disk
	}
	return t
}
