// SPDX-License-Identifier: MPL-2.0

// Package follow turns the state of a pipeline or a job into a stream of events
// that one reader follows: what changed, which step began, what it wrote.
//
//	services ──poll──► watch (one per subject) ──View──► Follower (one per reader) ──Event──► Sink
//	output ──steps───────┘                                    │
//	output ───────────────bytes, one request per step read────┘
//
// The state of pipelines, workflows and jobs is asked for: there is one watch
// per subject however many readers it has, it polls closely while something is
// expected to happen and slowly otherwise, and it never spends more than a fifth
// of its time asking. Steps are told by output as they change, which a poll
// makes up for where something is missed. Bytes are pushed: a Follower holds one
// reading request per running step, so a byte travels as soon as it is durable.
//
// A slow reader slows only its own Follower. That one stops reading from
// output, which serves readers out of its store and never makes a build wait.
package follow
