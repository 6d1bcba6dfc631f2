// SPDX-License-Identifier: MPL-2.0

package wire

import "time"

// PathSiblings tells how the other tasks of the task's job are, for a step that
// waits for them.
//
//	POST siblings   Bearer <task token>   SiblingsRequest -> core.Siblings
//
// The answer comes at once when it is another than the one that is known, and
// after Wait otherwise. A service behind output that is away makes it 503, and
// the task asks again.
const PathSiblings = "/agent/v1/siblings"

// SiblingsRequest asks for them. What it knows is the Version of the answer
// before, and Wait how long it waits for another, core.MaxSiblingWait at most.
type SiblingsRequest struct {
	Known string        `json:"known,omitempty"`
	Wait  time.Duration `json:"wait,omitempty"`
}
