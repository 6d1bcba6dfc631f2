// SPDX-License-Identifier: MPL-2.0

package docker

import (
	"slices"
	"testing"

	"github.com/muster-ci/muster/core"
)

// TestEveryContainerIsBounded looks at the primary container and at a service.
func TestEveryContainerIsBounded(t *testing.T) {
	t.Parallel()
	c := &Cluster{cfg: Config{PidsLimit: 99}}
	r := record{
		Attempt: "a", Images: []core.DockerImage{{Image: "one"}, {Image: "two"}},
		Class: core.ResourceClass{CPU: 2000, Memory: 4096},
	}
	for index, want := range []struct{ memory, shares int64 }{{4096 << 20, 2000}, {512 << 20, serviceShares}} {
		_, host := c.shape(r, index, "primary")
		if host.Memory != want.memory || host.MemorySwap != want.memory {
			t.Errorf("container %d: got %d bytes of memory and %d with swap, want %d and no swap", index, host.Memory, host.MemorySwap, want.memory)
		}
		if host.CPUShares != want.shares || host.PidsLimit == nil || *host.PidsLimit != 99 || !slices.Contains(host.CapDrop, "NET_RAW") {
			t.Errorf("container %d: got %d shares, processes %v, without %v", index, host.CPUShares, host.PidsLimit, host.CapDrop)
		}
	}
}
