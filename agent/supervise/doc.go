// SPDX-License-Identifier: MPL-2.0

// Package supervise is the life of one agent process: it claims an attempt
// with the workload identity, has execute run it and stream tell of it, and
// ends when the end of the task is acknowledged.
//
//	claim ──► run ──────────────────────────────► ended ──► delivered (nil)
//	  │        ▲ ended by output, by the client's   │
//	  │        │ SIGTERM or by the time limit       └─► still undelivered after Linger (error)
//	  │        └── refused for good ──► everything is killed (error)
//	  └─► refused, or not answered for ClaimFor (error)
//
// Each failure to deliver is an error: the process then ends with a status
// that is not 0, and the platform decides by what it knows. How the build
// itself ended is no business of the exit status.
package supervise
