// SPDX-License-Identifier: MPL-2.0

package core

import (
	"context"
	"time"
)

// SiblingQuery asks how the other tasks of a task's job are.
type SiblingQuery struct {
	Task TaskID `json:"task_id"`
	// Known is the Version of an earlier answer: the next one waits until
	// something else is to be said, Wait long at most.
	Known string        `json:"known,omitempty"`
	Wait  time.Duration `json:"wait,omitempty"`
}

// MaxSiblingWait is the longest Wait that counts: well below the time that a
// call between services may take.
const MaxSiblingWait = 20 * time.Second

// Siblings are the other tasks of a job at one moment, by index.
type Siblings struct {
	Tasks   []Sibling `json:"tasks"`
	Version string    `json:"version"`
}

// Sibling is one of them. A status that is final stays: an attempt that the
// infrastructure failed and that is tried again leaves its task queued.
type Sibling struct {
	Index   int       `json:"index"`
	Status  JobStatus `json:"status"`
	Attempt int       `json:"attempt,omitempty"`
	Reason  string    `json:"reason,omitempty"`
}

// TaskSiblings is the side of the workflows service that tasks talk to, through
// output.
type TaskSiblings interface {
	// TaskSiblings answers a query; CodeNotFound for a task that is not known.
	TaskSiblings(ctx context.Context, q SiblingQuery) (Siblings, error)
}
