// SPDX-License-Identifier: MPL-2.0

package clustertest

import (
	"testing"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/services/dispatch/placements/cluster"
)

func TestFake(t *testing.T) {
	t.Parallel()
	Suite(t, func(*testing.T) *Harness {
		f := NewFake()
		return &Harness{
			Cluster: f, Restart: func(*testing.T) cluster.Cluster { return f },
			Placement: func(_ *testing.T, b Behavior) cluster.Placement {
				id := core.NewAttemptID()
				f.Behave(id, b)
				return cluster.Placement{Attempt: core.Attempt{ID: id}}
			},
		}
	})
}
