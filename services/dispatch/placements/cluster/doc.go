// SPDX-License-Identifier: MPL-2.0

// Package cluster is the seam between placements and whatever runs attempts:
// Nomad, child processes, or the local Docker engine, one package each. All of
// them are held to the suite in clustertest.
//
// An attempt is submitted once and has at most one run, which the cluster
// calls an allocation:
//
//	Submit ──► pending ──► running ──► ended ──► Stop (purged, forgotten)
//	             │ Reason: why it is not placed yet
//	             └────────────────────► ended (it could not start)
//
// Nothing is ever run again by itself. What has ended stays listed until Stop,
// so that nobody has to hear of an ending in time.
package cluster
