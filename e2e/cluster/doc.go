// SPDX-License-Identifier: MPL-2.0

// Package cluster brings Muster up on one machine the way an operator would on
// many: real Nomad, Consul, Vault, Docker and an S3 server, PostgreSQL as a Nomad
// job, and every control service as a Nomad job from jobs/. It is what `make
// cluster` and the end-to-end tests stand on.
//
// Everything lives in one folder, and every process that is started is stopped
// by the id that was written down when it began.
package cluster
