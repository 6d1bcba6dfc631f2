// SPDX-License-Identifier: MPL-2.0

package core

import (
	"context"
	"time"
)

// SerialID names one claim of a serial group.
type SerialID string

// SerialState is where a claim is.
//
//	ClaimSerials ─► waiting ─► held ─► released    the claimant has ended, or by hand
//	     │             ├─────────────► released    the claimant needs it no more
//	     │             └─────────────► expired     it waited for too long
//	     └───────────────────────────► skipped     a newer pipeline is there already
type SerialState string

// The states of a claim. The last three are final.
const (
	SerialWaiting  SerialState = "waiting"
	SerialHeld     SerialState = "held"
	SerialReleased SerialState = "released"
	SerialSkipped  SerialState = "skipped"
	SerialExpired  SerialState = "expired"
)

// SerialClaim asks for a serial group: a lock that one job, or one group of jobs,
// of an organization has at a time.
type SerialClaim struct {
	ID           SerialID       `json:"id"` // chosen by the claimant
	Organization OrganizationID `json:"organization_id"`
	Key          string         `json:"key"`
	// The rest says who claims. Among a project's claims a newer pipeline
	// excludes older ones that come after it.
	Project     ProjectID  `json:"project_id"`
	ProjectSlug string     `json:"project_slug"`
	Pipeline    int64      `json:"pipeline_number"`
	Workflow    WorkflowID `json:"workflow_id"`
	Name        string     `json:"name"` // of the job or the group of jobs
}

// SerialNews tells the workflows service what became of a claim.
type SerialNews struct {
	Claim    SerialID    `json:"claim_id"`
	Workflow WorkflowID  `json:"workflow_id"`
	State    SerialState `json:"state"` // held, skipped or expired
	Reason   string      `json:"reason,omitempty"`
	At       time.Time   `json:"at"`
}

// SerialWait is what a claim waits for; the zero value is that of one that does
// not.
type SerialWait struct {
	Holder *SerialClaim `json:"holder,omitempty"`
	Reason string       `json:"reason,omitempty"` // for people
}

// SerialGroup is a serial group that somebody holds or waits for.
type SerialGroup struct {
	Organization OrganizationID `json:"organization_id"`
	Key          string         `json:"key"`
	Holder       *SerialClaim   `json:"holder,omitempty"`
	HeldSince    *time.Time     `json:"held_since,omitempty"`
	Waiting      []SerialClaim  `json:"waiting"` // in the order of their arrival
}

// SerialKey names a serial group.
type SerialKey struct {
	Organization OrganizationID `json:"organization_id"`
	Key          string         `json:"key"`
}

// Serials keeps serial groups; the queue does.
type Serials interface {
	// ClaimSerials puts claims in line; those that are known are left alone. What
	// becomes of them is told to Tasks.ReportSerials.
	ClaimSerials(ctx context.Context, claims []SerialClaim) error
	// ReleaseSerials ends claims, whatever they are; unknown ones are ended before
	// they come.
	ReleaseSerials(ctx context.Context, claims []SerialClaim) error
	// SerialsWaiting says for each id what it waits for, in the order asked for.
	SerialsWaiting(ctx context.Context, ids []SerialID) ([]SerialWait, error)
	// ListSerials returns an organization's groups that are held, by key.
	ListSerials(ctx context.Context, id OrganizationID) ([]SerialGroup, error)
	// FreeSerial takes a group from its holder, which goes on without it;
	// CodeNotFound when nobody holds it.
	FreeSerial(ctx context.Context, key SerialKey) error
}
