// SPDX-License-Identifier: MPL-2.0

package wire

import "github.com/muster-ci/muster/core"

// The paths of what a job may ask for beyond its output.
//
//	POST oidc   OIDCRequest -> core.JobTokens   tokens that prove what the job is
//	GET  ssh    Upgrade                         a connection for logins, kept open
//
// The connection carries streams (yamux), which output opens, one for each login
// through the gateway. A stream begins with a line, SSHStream as JSON; all else
// is SSH.
const (
	PathOIDC       = "/agent/v1/oidc"
	PathContainers = "/agent/v1/containers"
	PathSSH        = "/agent/v1/ssh"
)

// MaxSSHStream is the most bytes of the line at the beginning of a stream.
const MaxSSHStream = 1 << 10

// OIDCRequest asks for tokens; without an audience they have the one that is
// set.
type OIDCRequest struct {
	Audience []string `json:"audience,omitempty"`
}

// SSHStream says who comes through a stream.
type SSHStream struct {
	Remote string `json:"remote"` // the person's address, as the gateway sees it
}

// Containers are those of a docker job, as far as the cluster tells of them.
type Containers struct {
	Containers []core.Container `json:"containers"`
}
