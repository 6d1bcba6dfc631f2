// SPDX-License-Identifier: MPL-2.0

package nomad

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/nomad/api"

	"github.com/muster-ci/muster/services/dispatch/placements/cluster"
)

// TestFromStub reads allocations as Nomad's drivers leave them.
func TestFromStub(t *testing.T) {
	t.Parallel()
	task := func(state string, events ...*api.TaskEvent) *api.TaskState {
		out := &api.TaskState{State: state, Events: events}
		if state != "pending" {
			out.StartedAt = time.Now()
		}
		return out
	}
	again := &api.TaskState{State: "pending", StartedAt: time.Now(), Events: []*api.TaskEvent{{Type: api.TaskRestarting}}}
	pull := &api.TaskEvent{Type: api.TaskDriverFailure, Details: map[string]string{
		"driver_error": "Failed to pull `nobody/nothing:1`: Error response from daemon: pull access denied for nobody/nothing"}}
	oom := &api.TaskEvent{Type: api.TaskTerminated, Details: map[string]string{"oom_killed": "true"}, DisplayMessage: `Exit Code: 137, Exit Message: "OOM Killed"`}
	const drained = "alloc is being migrated (its client is being drained, or somebody stopped the allocation)"
	exited := &api.TaskEvent{Type: api.TaskTerminated, DisplayMessage: "Exit Code: 4"}
	tests := []struct {
		name   string
		stub   api.AllocationListStub
		state  cluster.State
		kind   cluster.Kind
		reason string
	}{
		{"new", api.AllocationListStub{ClientStatus: "pending"}, cluster.Pending, cluster.None, ""},
		{"services first", api.AllocationListStub{ClientStatus: "running", TaskStates: map[string]*api.TaskState{"service-1": task("running"), "agent": task("pending")}}, cluster.Pending, cluster.None, ""},
		{"a service is still to start", api.AllocationListStub{ClientStatus: "running", TaskStates: map[string]*api.TaskState{"service-1": task("pending"), "agent": task("running")}}, cluster.Pending, cluster.None, ""},
		{"services that have ended", api.AllocationListStub{ClientStatus: "running", TaskStates: map[string]*api.TaskState{"service-1": again, "service-2": task("dead"), "agent": task("running")}}, cluster.Running, cluster.None, ""},
		{"running", api.AllocationListStub{ClientStatus: "running", TaskStates: map[string]*api.TaskState{"agent": task("running")}}, cluster.Running, cluster.None, ""},
		{"node not heard of", api.AllocationListStub{ClientStatus: "unknown", TaskStates: map[string]*api.TaskState{"agent": task("running")}}, cluster.Running, cluster.None, ""},
		{"image of the agent", api.AllocationListStub{ClientStatus: "failed", TaskStates: map[string]*api.TaskState{"agent": task("dead", pull)}}, cluster.Ended, cluster.Image, pull.Details["driver_error"]},
		{"image of a service that Nomad would try again", api.AllocationListStub{ClientStatus: "pending", TaskStates: map[string]*api.TaskState{"service-1": task("pending", pull)}}, cluster.Ended, cluster.Image, pull.Details["driver_error"]},
		{"memory", api.AllocationListStub{ClientStatus: "failed", TaskStates: map[string]*api.TaskState{"agent": task("dead", oom)}}, cluster.Ended, cluster.Memory, oom.DisplayMessage},
		{"memory of a service", api.AllocationListStub{ClientStatus: "running", TaskStates: map[string]*api.TaskState{"service-1": task("dead", oom), "agent": task("running")}}, cluster.Running, cluster.None, ""},
		{"lost", api.AllocationListStub{ClientStatus: "lost", ClientDescription: "alloc is unknown since its node is disconnected", DesiredDescription: "alloc is lost since its node is down"}, cluster.Ended, cluster.Lost, "alloc is lost since its node is down"},
		{"drained", api.AllocationListStub{ClientStatus: "complete", DesiredStatus: "stop", DesiredDescription: "alloc is being migrated"}, cluster.Ended, cluster.Killed, drained},
		{"being drained", api.AllocationListStub{ClientStatus: "running", DesiredStatus: "stop", DesiredDescription: "alloc is being migrated", TaskStates: map[string]*api.TaskState{"agent": task("running")}}, cluster.Running, cluster.None, drained},
		{"stopped in some other way", api.AllocationListStub{ClientStatus: "complete", DesiredStatus: "evict"}, cluster.Ended, cluster.Killed, "Nomad stopped the allocation"},
		{"agent exits", api.AllocationListStub{ClientStatus: "failed", TaskStates: map[string]*api.TaskState{"agent": task("dead", exited)}}, cluster.Ended, cluster.None, "the agent ended: Exit Code: 4"},
		{"archive", api.AllocationListStub{ClientStatus: "failed", TaskStates: map[string]*api.TaskState{"agent": task("dead", &api.TaskEvent{Type: api.TaskArtifactDownloadFailed, DisplayMessage: "checksum did not match"})}}, cluster.Ended, cluster.Start, "checksum did not match"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := fromStub(&tt.stub)
			if got.State != tt.state || got.Kind != tt.kind || got.Reason != tt.reason {
				t.Errorf("got %s %q %q, want %s %q %q", got.State, got.Kind, got.Reason, tt.state, tt.kind, tt.reason)
			}
		})
	}
}

func TestPlacementFailure(t *testing.T) {
	t.Parallel()
	tests := []struct {
		metric api.AllocationMetric
		want   string
	}{
		{api.AllocationMetric{}, "Nomad cannot place it: no nodes were eligible for evaluation"},
		{api.AllocationMetric{NodesEvaluated: 2, ConstraintFiltered: map[string]int{"missing network": 2}}, `Nomad cannot place it: constraint "missing network": 2 nodes excluded by filter`},
		{
			api.AllocationMetric{NodesEvaluated: 3, NodesExhausted: 3, DimensionExhausted: map[string]int{"memory": 2, "cpu": 1}},
			`Nomad cannot place it: resources exhausted on 3 nodes; dimension "cpu" exhausted on 1 nodes; dimension "memory" exhausted on 2 nodes`,
		},
	}
	for _, tt := range tests {
		got := placementFailure(&api.Evaluation{FailedTGAllocs: map[string]*api.AllocationMetric{"task": &tt.metric}})
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}
