// SPDX-License-Identifier: MPL-2.0

// Package nomad runs attempts as Nomad batch jobs: one job per attempt, whose
// id is the attempt's, made by hcl/jobspec out of a template per executor.
//
// Submitting is registering only if new; stopping is deregistering with purge.
// A job that is registered is listed, so what List shows is what is not purged.
// News are Nomad's events, which may be lost or doubled; that a list makes up
// for it is the caller's part.
package nomad
