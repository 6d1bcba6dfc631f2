// SPDX-License-Identifier: MPL-2.0

// Package wire is what an agent and the output service say to each other on
// port 8585. Both sides import it; neither imports the other.
//
// All calls are HTTP under /agent/v1. Bodies are JSON but for frames.
//
//	POST claim      Bearer <workload identity JWT>   ClaimRequest -> ClaimResponse
//	POST frames     Bearer <task token>              frames       -> Acks
//	POST heartbeat  Bearer <task token>              Heartbeat    -> Acks
//	GET  source     Bearer <task token>              the git bundle of the task's source
//	POST containers Bearer <task token>              {} -> Containers, how those of a docker job fare
//	POST timings    Bearer <task token>              TimingsRequest -> Timings, see PathTimings
//
// What a task tells is a set of append-only byte logs, the streams of its
// attempt. Stream 0 holds events, one JSON Event a line; stream n+1 holds the
// output of step n. A frame is a run of bytes of one stream at an offset. The
// receiver keeps the length of each stream: what it has already is skipped, a
// frame beyond the end (a gap) ends the request with 409 and the lengths in
// Acks, and all frames of a request before the first bad one count. So a
// sender that sends again from the last acknowledged offset can neither
// duplicate nor drop a byte, whatever was lost on the way.
//
// A claim tells which protocols the agent speaks (Speaks), its answer which one
// counts. Where there is none in common the claim is refused with 410, and the
// attempt ends with the reason.
//
// Within one request frames are applied in order and in one transaction;
// an answer of 200 means that they are durable. Answers of 401, 403 and 410 are
// final for the agent: it stops its work. Everything else is tried again.
package wire
