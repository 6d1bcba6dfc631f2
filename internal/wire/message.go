// SPDX-License-Identifier: MPL-2.0

package wire

import (
	"time"

	"github.com/muster-ci/muster/core"
)

// The paths of the agent's calls.
const (
	PathClaim     = "/agent/v1/claim"
	PathFrames    = "/agent/v1/frames"
	PathHeartbeat = "/agent/v1/heartbeat"
	PathSource    = "/agent/v1/source"
)

// Environment variables and files that reach an agent from its cluster.
const (
	// EnvOutputURL lists addresses of output, separated by commas; the agent
	// tries them in turn. Example: http://127.0.0.1:8585.
	EnvOutputURL = "MUSTER_OUTPUT_URL"
	// EnvIdentityFile is the file with the workload identity JWT. On Nomad it
	// is ${NOMAD_SECRETS_DIR}/nomad_muster.jwt.
	EnvIdentityFile = "MUSTER_IDENTITY_FILE"
	// EnvSpoolDir is a folder on the allocation's disk that the agent may fill.
	EnvSpoolDir = "MUSTER_SPOOL_DIR"
	// EnvAPIURL is the address of the API as builds reach it, where that is not
	// the one that people use.
	EnvAPIURL = "MUSTER_API_URL"
	// EnvBundle is a PEM file of the authorities that builds trust.
	EnvBundle = "MUSTER_CA_BUNDLE"
	// EnvSSHListen is where the agent listens for SSH, such as :64540, and
	// EnvSSHAddress the host or host:port under which people reach that. They are
	// set for tasks with SSH only.
	EnvSSHListen  = "MUSTER_SSH_LISTEN"
	EnvSSHAddress = "MUSTER_SSH_ADDRESS"
	// EnvEngine is the address of the job's own Docker engine, such as
	// tcp://127.0.0.1:2375; empty or left out where it has none.
	EnvEngine = "MUSTER_ENGINE"
	// EnvLayers is "true" where that engine has what those of earlier jobs on the
	// client left behind.
	EnvLayers = "MUSTER_ENGINE_LAYERS"
)

// Audience is what a workload identity must be meant for to be taken by
// Muster.
const Audience = "muster"

// ClaimRequest asks for the work of the attempt that the identity names. See
// core.Claim for the nonce.
type ClaimRequest struct {
	Nonce        string `json:"nonce"`
	AgentVersion string `json:"agent_version"`
	Host         string `json:"host"`
	// Speaks are the agent's protocols.
	Speaks
}

// ClaimResponse is the work and how to report on it.
type ClaimResponse struct {
	// Token authenticates all further calls. It is bound to the attempt and the
	// allocation and ends five minutes after the attempt.
	Token string           `json:"token"`
	Task  core.ClaimedTask `json:"task"`
	// Streams are the lengths that are durable already; empty for a first claim.
	Streams map[int]int64 `json:"streams,omitempty"`
	Limits  Limits        `json:"limits"`
	// Now is the platform's time. The agent counts from it by its monotonic
	// clock, so that no clock of a client gets into what a build shows.
	Now time.Time `json:"now,omitzero"`
	// Protocol is the one that both speak from now on; 0 is the first.
	Protocol int `json:"protocol,omitempty"`
}

// Limits are what the operator allows an agent.
type Limits struct {
	StepBytes int64         `json:"step_bytes"` // output of one step; the rest is dropped with a mark
	Heartbeat time.Duration `json:"heartbeat"`  // between two signs of life
}

// Heartbeat is a sign of life when there is no output to send.
type Heartbeat struct {
	At time.Time `json:"at"`
}

// Acks answers frames and heartbeats.
type Acks struct {
	// Streams are the durable lengths of the streams that the request named,
	// or of all when it had a gap.
	Streams map[int]int64 `json:"streams,omitempty"`
	// Stop asks the agent to end its work: "canceled". It keeps sending what it
	// has and its ending.
	Stop string `json:"stop,omitempty"`
}

// Error is the body of every answer that is not 2xx.
type Error struct {
	Code    core.Code `json:"code"`
	Message string    `json:"message"`
	// Streams are the durable lengths, in an answer of 409 to frames.
	Streams map[int]int64 `json:"streams,omitempty"`
}
