// SPDX-License-Identifier: MPL-2.0

// Package output is the service on port 8585: it hands claimed work to agents,
// takes what they say, keeps it, and shows it to readers while it grows.
//
// Agents call it with the protocol of internal/wire. Readers come through the
// gateway (core.Output) or straight to 8585; placements closes and stops
// attempts through core.OutputControl. It calls core.Placements to check claims
// and, out of its own rows, to report what agents said; it asks identity whether
// a reader's token is good and workflows how the other tasks of a job are, and
// keeps old output in the object store.
//
//	agent ─ frames ─► decode, compress ─► committer: one transaction for all that wait
//	                                          │ attempts, steps, streams, chunks, reports
//	                                          ▼
//	reader ◄─ pulls by offset ─ chunks ── sealer ──► one object per attempt
//
// Tables: attempts (also the sealer's work), tokens, streams (lengths), steps,
// chunks (bytes that are not sealed yet), usage (of resources), reports
// (hand-over to placements) and job_timings (what tasks were told of their
// tests).
// A reader is only ever woken and reads by itself, so a slow one costs a build
// nothing, and every instance can serve every reader.
package output
