// SPDX-License-Identifier: MPL-2.0

// Package e2e holds the end-to-end tests: every scenario of e2e/scenarios and
// of examples, on embedded parts (part of `make test`) and on real Nomad,
// Consul, Vault, PostgreSQL and Docker (`make e2e`, build tag e2e), and what
// happens when parts of Muster are killed in the middle of a build.
package e2e
