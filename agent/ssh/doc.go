// SPDX-License-Identifier: MPL-2.0

// Package ssh lets the person who asked for a job log in to it, with the
// ordinary ssh, scp and sftp.
//
// A Server has a host key of its own, made when it starts, and takes the keys
// that it was given and no others. It serves connections of its own listener
// and any that are handed to Serve, which is how they come through the gateway.
//
//	connection ──► key of the user? ──► channels:
//	   │ no: refused                      session: shell, exec, sftp
//	   └ 32 at once, 30 s to log in       direct-tcpip: only when allowed
//
// Commands are children of the agent with the environment of the job's steps.
// So is the server of sftp, which is this program under another name: one that
// read files inside of the agent could be asked for the agent's memory.
// Forwarding of agents, of X11 and of ports of the server is always refused.
//
// What is written in a session is neither recorded nor masked: whoever may log
// in may read the job's variables anyway, as on CircleCI.
package ssh
