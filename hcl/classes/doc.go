// SPDX-License-Identifier: MPL-2.0

// Package classes reads resource classes: the named sizes that a config asks
// for with `resource_class`, and the node pools that they run in.
//
//	class "docker" "medium" {
//	  cpu     = 1000     # MHz, as Nomad counts
//	  memory  = 4096     # MiB
//	  disk    = 10240    # MiB
//	  pool    = "default"
//	  default = true     # of jobs that name no class; one per executor
//	}
//
// The labels are the executor and the name. A site that has no such file gets
// Default.
package classes
