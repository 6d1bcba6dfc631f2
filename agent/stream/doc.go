// SPDX-License-Identifier: MPL-2.0

// Package stream carries what a task tells to the output service: events and
// the output of steps, masked, through a spool on disk and over HTTP.
//
//	step ─► StepWriter ─► mask.Writer ─► Spool (disk) ─► Sender ─► Client ─► output:8585
//	        limit          secrets        bounded         batches   zstd, HTTP
//
// The spool takes every byte first and holds it until it has been
// acknowledged, so an outage of the control plane costs a build nothing until
// the spool is full; then the writer waits. Nothing is dropped but what a step
// writes beyond its limit, which leaves a visible mark.
package stream
