// SPDX-License-Identifier: MPL-2.0

// Package queue decides which tasks may run now. It implements core.Queue.
//
// The workflows service hands tasks over (Enqueue, CancelTasks) and asks why
// they wait; placements reports what became of attempts (ReportAttempts). The
// queue calls Placements.Place and StopAttempts, and tells Tasks.ReportTasks
// what happened.
//
//	waiting ──pass──► placed ──► running ──► ended
//	   ▲  │              │           │          ▲
//	   │  └──cancel──────┼───────────┼──────────┤
//	   └──lost, tries left───────────┘──final───┘
//
// A pass of the scheduler releases many tasks in a few statements. What may run
// is bounded by each organization's concurrency and by each pool; between
// organizations the one that uses the smallest share of its limit goes first,
// within one the higher priority and then the older task. Passes of several
// instances exclude each other by a locked row, so limits hold for all of them
// together.
//
// Tables: tasks (the queue itself), attempts (one per try, and the outbox to
// placements), reports (the outbox to workflows), organizations (limits, whose
// turn it is), passes (the lock).
package queue
