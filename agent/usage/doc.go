// SPDX-License-Identifier: MPL-2.0

// Package usage measures what a build uses of its machine: CPU, memory, network
// and disk, read every few seconds from files that the kernel keeps anyway.
//
// In a container that is the agent's own: its control group (of either version)
// and its network namespace. Elsewhere the agent shares both with others, and
// what counts are the processes that descend from it; there the network is not
// counted.
package usage
