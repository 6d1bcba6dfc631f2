// SPDX-License-Identifier: MPL-2.0

// Package docker runs attempts on the local Docker engine: the docker executor
// of the embedded mode.
//
// The primary container has the agent as its entrypoint; the other images of a
// job run in its network namespace, so that all share localhost. The agent and
// its identity are copied into the container, which works with an engine that
// does not share our file system.
//
// What is to be run is noted in a file per attempt before anything is done,
// and containers carry the attempt in their labels and names: after a restart
// of Muster, launching goes on where it was, and running containers are found
// again.
package docker
