// SPDX-License-Identifier: MPL-2.0

package classes

import "github.com/muster-ci/muster/core"

// Default returns CircleCI's classes with CircleCI's memory. One of its vCPUs
// counts as 1000 MHz, which is what makes the usual machine hold as many tasks
// as it has cores.
func Default() *Set {
	docker := func(name string, cpus, memory int) core.ResourceClass {
		return core.ResourceClass{
			Name: name, Executor: core.ExecutorDocker,
			CPU: cpus * 1000, Memory: memory, Disk: defaultDisk, Pool: defaultPool,
		}
	}
	machine := func(name string, cpus, memory int) core.ResourceClass {
		c := docker(name, cpus, memory)
		c.Executor = core.ExecutorMachine
		return c
	}
	set := []core.ResourceClass{
		docker("small", 1, 2048),
		docker("medium", 2, 4096),
		docker("medium+", 3, 6144),
		docker("large", 4, 8192),
		docker("xlarge", 8, 16384),
		docker("2xlarge", 16, 32768),
		docker("2xlarge+", 20, 40960),
		machine("medium", 2, 7680),
		machine("large", 4, 15360),
		machine("xlarge", 8, 32768),
		machine("2xlarge", 16, 65536),
	}
	for i := range set {
		isDefault := set[i].Executor == core.ExecutorDocker && set[i].Name == "medium" ||
			set[i].Executor == core.ExecutorMachine && set[i].Name == "medium"
		set[i].Default = isDefault
	}
	return newSet(set)
}
