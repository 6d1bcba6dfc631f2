// SPDX-License-Identifier: MPL-2.0

// Package e2e holds the end-to-end tests: every scenario of e2e/scenarios and
// of examples, on embedded parts (part of `make test`) and on real Nomad,
// Consul, Vault, PostgreSQL and Docker (`make e2e`, build tag e2e), and what
// happens when something is away in the middle of a build:
//
//	kill_test.go    the embedded platform, and each control service, killed
//	loss_test.go    a client with all that it runs; no client that is large enough
//	drain_test.go   a client ineligible, drained in time, and drained too late;
//	                drain_containers_test.go the same for jobs of several containers
//	pause_test.go   a client that hangs until Nomad gives it up, and comes back
//	outage_test.go  Nomad's server, Consul, Vault, PostgreSQL and output away or
//	                paused, and all control services replaced, below one build
//	faulty_*.go     output, the object store and disks that fail below steps
//
// Each of them has builds with known output and a ledger outside of Muster: one
// pipeline a trigger, one run an attempt, one ending a job, each byte once and in
// order, and nothing left in Nomad. docs/outages.md tells which test holds what.
package e2e
