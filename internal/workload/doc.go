// SPDX-License-Identifier: MPL-2.0

// Package workload establishes who a caller is: which allocation of which
// Nomad job.
//
// On a cluster Nomad signs a JWT for each task of each allocation and publishes
// the keys; JWKS checks such tokens. Embedded, Local issues tokens of the same
// claims with a key of its own. Services and agents show them as bearer tokens;
// there is no static token between services.
//
// A token that verifies says only who the caller is. Whether that allocation
// may have what it asks for is decided by who keeps the record of it.
package workload
