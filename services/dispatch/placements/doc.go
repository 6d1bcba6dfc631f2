// SPDX-License-Identifier: MPL-2.0

// Package placements turns attempts into runs on a cluster and watches over
// them until nothing is left. It implements core.Placements.
//
// The queue hands attempts over (Place, StopAttempts) and hears of them
// (Queue.ReportAttempts). Output passes on what agents say (Claim,
// ReportAgents) and is told of attempts that end without their agent
// (OutputControl). Specs come from Tasks, secrets from ProjectSecrets, tokens for
// logins at registries from JobTokenIssuer. What runs them is the seam in the
// package cluster.
//
// Two roads lead to an ending. The agent's word comes through output and
// decides. The cluster's word, by events and by a full list every so often,
// counts only when the agent has none: the allocation has ended, and for a
// short while no word of it came in. Whichever is first stays.
//
// Tables: attempts (state machine in attempt.go), specs (of attempts that have
// not ended), homes (where copies of caches and workspaces may be), reports (outbox
// to the queue), notes (outbox to output).
package placements
