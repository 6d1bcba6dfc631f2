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
// within one the higher priority and then the older task. A task that waits for
// others of its job while it runs is left out while one of them has no place
// (store.go, held). Passes of several
// instances exclude each other by a locked row, so limits hold for all of them
// together.
//
// It keeps serial groups as well (core.Serials, serial.go): organization-wide
// locks that the workflows service claims for a job, for a group of jobs, or for
// a lock job, and releases when that has ended, whatever the end. One road for
// all three: a lock may outlive every task, so who has it is not read off tasks.
//
//	ClaimSerials ─► waiting ─first in line─► held ─ReleaseSerials, FreeSerial─► released
//	     │             ├─ ReleaseSerials ─────────────────────────────────────► released
//	     │             └─ SerialWait is over ─► expired
//	     └─ a newer pipeline of the project is in the group ─► skipped
//
// The group's row names the one holder and is held by whoever changes a claim, so
// that there is one holder for all instances, and the order is that of arrival. What
// becomes of a claim is told to Tasks.ReportSerials, which names those that
// nobody needs any more: a lock whose claimant is gone is free again.
//
// Tables: tasks (the queue itself), attempts (one per try, and the outbox to
// placements), reports (the outbox to workflows), organizations (limits, whose
// turn it is), passes (the lock), serial_groups (who holds them), serial_claims,
// serial_news (outbox to workflows).
package queue
