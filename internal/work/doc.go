// SPDX-License-Identifier: MPL-2.0

// Package work is the loop that claims due rows, has them handled and records
// what came of it: law 1 of the design, written once.
//
// A table with work embeds Item in its model and has {{work_columns}} in its
// migration. There are two ways to use it. An entity is looked at when it is
// due (a workflow to evaluate): its row stays, MarkDue says that something
// happened to it. An outbox row is a hand-over to another service: it is
// inserted due, in the transaction that decided on it, and deleted once the
// receiver has acknowledged it.
//
//	           claim                     Done: due_at NULL, sleeps until MarkDue
//	due -----------------> leased -----> Delete: gone
//	 ^  ^                  | |   |       Again: due later
//	 |  +--- lease ended --+ |   |
//	 |       (tries + 1)     |   +-----> Fail: due later (tries + 1), and from
//	 |                       |           MaxTries on set aside until MarkDue
//	 +--- stopped, released -+
//
// What is inserted to be handled at once need not be claimed: Lease has rows
// born leased, and Hand gives them to a worker in memory once they are
// committed. See Born.
//
// Rules that hold whatever is killed, whenever:
//
//   - A row is handled by one loop at a time for as long as its lease holds; the
//     lease is renewed while the handler runs. When a lease is lost another loop
//     may have the row, so the result is dropped; what the handler did may be
//     done a second time (law 2).
//   - A mark made while a row is being handled is not lost: the row is handled
//     once more after it, whatever the result was. due_seq tells.
//   - One look satisfies all marks before it. MarkDue keeps the earliest time
//     only; a handler that still waits for a later one says Again.
//   - A row that fails again and again, or on which processes die, is set aside
//     after MaxTries, stays in its table, shows in the metric
//     muster_work_set_aside and in SetAside, and comes back with MarkDue.
//
// Leases are counted by the clocks of the processes: hosts that share a
// database keep their clocks within a few seconds of each other.
package work
