// SPDX-License-Identifier: MPL-2.0

package api

import "time"

// SerialClaim is a job, a job group or a lock that has a serial group or waits
// for it.
type SerialClaim struct {
	ProjectSlug    string `json:"project_slug"`
	PipelineNumber int64  `json:"pipeline_number"`
	WorkflowID     string `json:"workflow_id"`
	Name           string `json:"name" doc:"of the job or the job group, the key for a lock job"`
}

// SerialGroup is a serial group that somebody has.
type SerialGroup struct {
	Key       string        `json:"key"`
	Holder    *SerialClaim  `json:"holder,omitempty"`
	HeldSince *time.Time    `json:"held_since,omitempty"`
	Waiting   []SerialClaim `json:"waiting" doc:"in the order of their turns"`
}

// SerialRelease names the serial group that is to be taken from its holder.
type SerialRelease struct {
	Key string `json:"key"`
}
