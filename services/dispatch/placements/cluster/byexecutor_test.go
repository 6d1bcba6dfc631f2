// SPDX-License-Identifier: MPL-2.0

package cluster_test

import (
	"errors"
	"testing"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/services/dispatch/placements/cluster"
	"github.com/muster-ci/muster/services/dispatch/placements/cluster/clustertest"
)

func TestByExecutor(t *testing.T) {
	t.Parallel()
	clustertest.Suite(t, func(*testing.T) *clustertest.Harness {
		docker, machine := clustertest.NewFake(), clustertest.NewFake()
		both := cluster.ByExecutor{core.ExecutorDocker: docker, core.ExecutorMachine: machine}
		return &clustertest.Harness{
			Cluster: both, Restart: func(*testing.T) cluster.Cluster { return both },
			Placement: func(_ *testing.T, b clustertest.Behavior) cluster.Placement {
				id := core.NewAttemptID()
				machine.Behave(id, b)
				return cluster.Placement{Attempt: core.Attempt{ID: id, Executor: core.ExecutorMachine}}
			},
		}
	})
}

func TestByExecutorWithoutOne(t *testing.T) {
	t.Parallel()
	err := cluster.ByExecutor{}.Submit(t.Context(), cluster.Placement{Attempt: core.Attempt{Executor: core.ExecutorDocker}})
	var refusal *cluster.Refusal
	if !errors.As(err, &refusal) {
		t.Errorf("got %v, want a refusal", err)
	}
}

// TestByExecutorFailsWhole: half a list would make the other half look lost.
func TestByExecutorFailsWhole(t *testing.T) {
	t.Parallel()
	docker, machine := clustertest.NewFake(), clustertest.NewFake()
	docker.FailWith(func(string, core.AttemptID) error { return errors.New("away") })
	both := cluster.ByExecutor{core.ExecutorDocker: docker, core.ExecutorMachine: machine}
	if list, err := both.List(t.Context()); err == nil {
		t.Errorf("got %v, want an error", list)
	}
	if _, err := both.Find(t.Context(), core.NewAttemptID()); core.ErrorCode(err) == core.CodeNotFound {
		t.Errorf("got %v, want the error of the one that is away", err)
	}
}
