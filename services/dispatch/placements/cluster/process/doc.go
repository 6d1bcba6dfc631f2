// SPDX-License-Identifier: MPL-2.0

// Package process runs attempts as child processes of this machine: the
// machine executor of the embedded mode. There is no isolation; a build may do
// what the user may who runs Muster.
//
// Each attempt has a folder of its own:
//
//	<dir>/<attempt>/state.json   what is known of the run
//	               /identity.jwt the workload identity, for its owner only
//	               /spool/       the agent's
//	               /home/        the build's home folder
//	               /agent.log    the agent's own log
//
// An agent is the leader of a session of its own and does not notice that its
// parent stops. A new parent finds the folders and goes on watching: a process
// is known by its id and the time of its start, so that an id that was used
// again deceives nobody.
package process
