// SPDX-License-Identifier: MPL-2.0

package core

import "time"

// TriggerType says what kind of event started a pipeline, in the words of
// CircleCI's API v2 (`trigger.type`).
type TriggerType string

// The trigger types that exist so far.
const (
	TriggerAPI     TriggerType = "api"
	TriggerWebhook TriggerType = "webhook"
)

// Trigger is the event that a pipeline answers.
type Trigger struct {
	Type       TriggerType `json:"type"`
	Actor      User        `json:"actor"`
	ReceivedAt time.Time   `json:"received_at"`
}
