// SPDX-License-Identifier: MPL-2.0

// Package agenttest is a small output service for tests of the agent: a real
// HTTP server that keeps the rules of package wire, holds what it is sent in
// memory, and fails in the ways that a test asks for.
package agenttest
