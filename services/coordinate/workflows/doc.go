// SPDX-License-Identifier: MPL-2.0

// Package workflows is the service that keeps workflows, their jobs and the
// jobs' tasks, and decides what runs in what order.
//
// It is called by pipelines (CreateWorkflows, CancelPipelineWorkflows), by
// gateway for people (reading, cancel, rerun, approve), by placements
// (TaskSpecs), by queue (ReportTasks, ReportSerials) and by output for tasks that
// wait for others of their job (TaskSiblings). It calls queue alone:
// Enqueue, CancelTasks and Waiting, and for serial groups ClaimSerials,
// ReleaseSerials and SerialsWaiting (hold.go).
//
// It owns the tables pipelines (context and cancel mark), workflows, jobs,
// job_plans, failed_tests, job_numbers, tasks, task_handovers (what the queue has yet to hear),
// serial_holds (the same for serial groups, with what they are for)
// and branches (where to look for redundant workflows).
//
// Every change is one transaction that takes the rows of the workflows it
// touches first, loads the jobs it is about and what depends on them, lets the
// board (board.go, no SQL in it) decide, and writes what changed. Nothing is
// evaluated later and no whole workflow is looked at because one of its jobs
// moved: each job counts its unmet requirements and its open tasks, and each
// workflow counts its jobs by status, so a job costs the same in a workflow of
// ten and of ten thousand.
//
// Ids of jobs, tasks and approval requests are derived from the workflow's id,
// so a hand-over that is repeated makes nothing twice.
package workflows
