// SPDX-License-Identifier: MPL-2.0

package workflows

import (
	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/work"
)

// hold is a row of serial_holds: a workflow's part in a serial group. The lock
// itself is the queue's.
//
//	new ─first job may start─► waiting ─ReportSerials─► held ─► released
//	 │                            ├──────────────────────────► released
//	 │                            └─ReportSerials─► skipped | expired
//	 └─ nobody ever needed it ───────────────────────────────► released
//
// Jobs that may start while it waits are queued without tasks; they get them when
// it is held. It is released when the last of its jobs has ended, whatever the
// end; that of a lock job by the unlock job, or with the workflow.
type hold struct {
	bun.BaseModel `bun:"table:serial_holds"`
	work.Item

	Workflow core.WorkflowID              `bun:"workflow_id"`
	Kind     holdKind                     `bun:"kind"`
	State    core.SerialState             `bun:"state"` // holdNew before it is claimed
	OpenJobs int                          `bun:"open_jobs"`
	Reason   string                       `bun:"reason"` // of skipped and expired
	Claim    store.JSON[core.SerialClaim] `bun:"claim,type:text"`
}

// holdKind says who keeps a hold.
type holdKind string

const (
	holdJob   holdKind = "job"
	holdGroup holdKind = "group"
	holdLock  holdKind = "lock"
)

const holdNew core.SerialState = "new"

func (h *hold) id() core.SerialID { return core.SerialID(h.ID) }

func (h *hold) over() bool {
	return h.State == core.SerialReleased || h.State == core.SerialSkipped || h.State == core.SerialExpired
}

// holds gives the jobs of a draft that are not kept their holds.
func (d *draft) holds() []*hold {
	byID := map[core.SerialID]*hold{}
	var list []*hold
	for i, j := range d.jobs {
		kind, key, name := d.holdOf(d.plans[i].Plan.V)
		if key == "" {
			continue
		}
		j.SerialKey = key
		if j.Copied {
			continue
		}
		id := core.SerialID(derive("serial-"+string(kind), string(d.workflow.ID)+"/"+name, 0))
		h := byID[id]
		if h == nil {
			h = newHold(d.workflow, id, kind, key, name)
			byID[id] = h
			list = append(list, h)
		}
		j.Hold = id
		h.OpenJobs++
	}
	d.workflow.Serial = len(list) > 0
	return list
}

// holdOf tells which lock a job needs, and under which name.
func (d *draft) holdOf(p core.JobPlan) (kind holdKind, key, name string) {
	switch {
	case p.Type == core.JobLock || p.Type == core.JobUnlock:
		return holdLock, p.Key, p.Key
	case p.SerialGroup != "":
		return holdJob, p.SerialGroup, p.Name
	}
	for _, g := range d.workflow.Groups.V {
		if g.Name == p.Group && p.Group != "" {
			return holdGroup, g.SerialGroup, g.Name
		}
	}
	return "", "", ""
}

func newHold(w *workflow, id core.SerialID, kind holdKind, key, name string) *hold {
	return &hold{
		Item: work.Item{ID: string(id)}, Workflow: w.ID, Kind: kind, State: holdNew,
		Claim: store.JSON[core.SerialClaim]{V: core.SerialClaim{
			ID: id, Organization: w.Organization, Key: key, Project: w.Project, ProjectSlug: w.ProjectSlug,
			Pipeline: w.PipelineNumber, Workflow: w.ID, Name: name,
		}},
	}
}

// enter is start for a job that needs a serial group.
func (b *board) enter(j *job) {
	h := b.holds[j.Hold]
	switch {
	case h == nil: // an unlock job whose lock a rerun kept
		b.proceed(j)
	case j.Type == core.JobUnlock:
		b.release(h)
		b.proceed(j)
	case h.State == core.SerialHeld:
		b.proceed(j)
	case h.over():
		b.set(j, h.fate(), h.Reason, b.now)
	default:
		if h.State == holdNew {
			h.State = core.SerialWaiting
			b.changedHolds.add(h.id(), h)
		}
		j.Waits = true
		b.set(j, core.JobQueued, "", b.now)
	}
}

// fate is what becomes of jobs whose hold will not come.
func (h *hold) fate() core.JobStatus {
	if h.State == core.SerialExpired {
		return core.JobCanceled
	}
	return core.JobNotRun
}

// proceed sets a job going that has what it needs.
func (b *board) proceed(j *job) {
	switch j.Type {
	case core.JobApproval:
		b.set(j, core.JobOnHold, "waits for approval", b.now)
	case core.JobNoOp, core.JobLock, core.JobUnlock:
		b.set(j, core.JobSuccess, "", b.now)
	default:
		b.set(j, core.JobQueued, "", b.now)
	}
}

// leave lets go of a hold with the last of its jobs, and of a lock that its job
// did not get.
func (b *board) leave(j *job) {
	h := b.holds[j.Hold]
	if h == nil || j.Hold == "" {
		return
	}
	if h.OpenJobs--; h.Kind == holdLock {
		if j.Type == core.JobLock && j.Status != core.JobSuccess {
			b.release(h)
		}
	} else if h.OpenJobs == 0 {
		b.release(h)
	}
	b.changedHolds.add(h.id(), h)
}

func (b *board) release(h *hold) {
	if h.over() {
		return
	}
	h.State = core.SerialReleased
	b.changedHolds.add(h.id(), h)
}

// hearSerial applies news of a hold that is on the board with the jobs that wait
// for it, and tells whether anybody wants it.
func (b *board) hearSerial(h *hold, n core.SerialNews, waiting []*job) bool {
	if h == nil || h.over() {
		return false
	}
	if h.State == core.SerialHeld {
		return true // told again
	}
	h.State, h.Reason = n.State, clean(n.Reason)
	b.changedHolds.add(h.id(), h)
	for _, j := range waiting {
		if j.Status.Ended() {
			continue
		}
		j.Waits = false
		b.changedJobs.add(j.ID, j)
		switch {
		case n.State != core.SerialHeld:
			b.set(j, h.fate(), h.Reason, b.now)
		case j.Type == core.JobBuild:
			b.enqueue(j)
		default:
			b.proceed(j)
		}
	}
	return true
}
