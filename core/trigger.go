// SPDX-License-Identifier: MPL-2.0

package core

import "time"

// TriggerType says what kind of event started a pipeline, in the words of
// CircleCI's API v2 (`trigger.type`).
type TriggerType string

// The trigger types that exist so far. A webhook is one of the forge that the
// project's repository lives on.
const (
	TriggerAPI     TriggerType = "api"
	TriggerWebhook TriggerType = "webhook"
)

// The events of a forge that say more than their name.
const (
	EventPush        = "push"
	EventPullRequest = "pull_request"
)

// Trigger is the event that a pipeline answers.
type Trigger struct {
	Type       TriggerType `json:"type"`
	Actor      User        `json:"actor"`
	ReceivedAt time.Time   `json:"received_at"`
	// Event is what happened, EventPush or another word of CircleCI's
	// `pipeline.event.name`, and Action what exactly, such as "opened". Both are
	// empty where no forge said so.
	Event  string `json:"event,omitempty"`
	Action string `json:"action,omitempty"`
	// PullRequests are the open ones of the branch, at most MaxPullRequests; the
	// one that the event is about comes first.
	PullRequests []PullRequest `json:"pull_requests,omitempty"`
}
