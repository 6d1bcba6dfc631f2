// SPDX-License-Identifier: MPL-2.0

// Package agentfile says what an agent is called where Nomad's clients carry
// it: muster-agent-<version>, the version being the beginning of the SHA-256 of
// the binary. The control plane asks for a version by name, so that a client
// has either the very agent that is expected or none.
package agentfile
