// SPDX-License-Identifier: MPL-2.0

package jobspec

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/nomad/api"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/wire"
)

// enforce fills in what holds for every job and refuses what goes against it.
func enforce(job *api.Job, attempt core.AttemptID) error {
	id := string(attempt)
	job.ID = &id
	if job.Type != nil && *job.Type != api.JobTypeBatch {
		return fmt.Errorf("the job's type is %q; an attempt is a batch job", *job.Type)
	}
	batch := api.JobTypeBatch
	job.Type = &batch
	switch {
	case job.Periodic != nil || job.ParameterizedJob != nil || job.Multiregion != nil:
		return errors.New("periodic, parameterized and multiregion have no place in the job of an attempt")
	case len(job.TaskGroups) != 1:
		return fmt.Errorf("the job has %d groups; an attempt is one", len(job.TaskGroups))
	}
	group := job.TaskGroups[0]
	if err := enforceGroup(group); err != nil {
		return err
	}
	agents := 0
	for _, task := range group.Tasks {
		if task.Name == AgentTask {
			agents++
		}
		if err := enforceTask(task); err != nil {
			return fmt.Errorf("task %q: %w", task.Name, err)
		}
	}
	if agents != 1 {
		return fmt.Errorf("the group has %d tasks called %q; it needs one, which runs muster-agent", agents, AgentTask)
	}
	return nil
}

// enforceGroup sees to it that Nomad runs nothing again behind our back.
func enforceGroup(g *api.TaskGroup) error {
	if g.Count != nil && *g.Count != 1 {
		return fmt.Errorf("the group's count is %d; an attempt runs once", *g.Count)
	}
	one, none, fail, no := 1, 0, "fail", false
	g.Count = &one
	switch {
	case g.RestartPolicy == nil:
		g.RestartPolicy = &api.RestartPolicy{Attempts: &none, Mode: &fail}
	case g.RestartPolicy.Attempts == nil || *g.RestartPolicy.Attempts != 0:
		return errors.New("restart: attempts must be 0; a second run of the agent would not get the work")
	}
	switch {
	case g.ReschedulePolicy == nil:
		g.ReschedulePolicy = &api.ReschedulePolicy{Attempts: &none, Unlimited: &no}
	case g.ReschedulePolicy.Attempts == nil || *g.ReschedulePolicy.Attempts != 0 || g.ReschedulePolicy.Unlimited == nil || *g.ReschedulePolicy.Unlimited:
		return errors.New("reschedule: attempts must be 0 and unlimited false; Muster makes further attempts itself")
	}
	switch {
	case g.Disconnect == nil:
		g.Disconnect = &api.DisconnectStrategy{Replace: &no}
	case g.Disconnect.Replace == nil || *g.Disconnect.Replace:
		return errors.New("disconnect: replace must be false; Muster makes further attempts itself")
	}
	if g.Consul != nil || len(g.Services) > 0 {
		return errors.New("consul and service blocks would make Consul a condition of every build; leave them out")
	}
	for _, network := range g.Networks {
		sortPorts(network)
	}
	return nil
}

// sortPorts moves ports with a number to where the API wants them.
func sortPorts(n *api.NetworkResource) {
	static := func(p api.Port) bool { return p.Value != 0 }
	for _, p := range n.DynamicPorts {
		if static(p) {
			n.ReservedPorts = append(n.ReservedPorts, p)
		}
	}
	n.DynamicPorts = slices.DeleteFunc(n.DynamicPorts, static)
}

// identityName is of the identity that proves an allocation to Muster; Nomad
// names the token's file after it.
const identityName = "muster"

func enforceTask(t *api.Task) error {
	switch {
	case t.Vault != nil || t.Consul != nil:
		return errors.New("vault and consul blocks would make these services a condition of every build; leave them out")
	case len(t.Services) > 0:
		return errors.New("service blocks would make Consul a condition of every build; leave them out")
	case t.Identity != nil:
		return errors.New("the default identity may read Nomad's variables and services; builds get the one named muster only")
	}
	if t.LogConfig == nil {
		// Nomad reserves disk for logs, 100 MB a task, also where there are none.
		disabled, one := true, 1
		t.LogConfig = &api.LogConfig{Disabled: &disabled, MaxFiles: &one, MaxFileSizeMB: &one}
	}
	for _, identity := range t.Identities {
		if identity.Name == "" || identity.Name == "default" {
			return errors.New("the default identity may read Nomad's variables and services; builds get the one named muster only")
		}
		if t.Name != AgentTask {
			return fmt.Errorf("identity %q: only the task %q has one", identity.Name, AgentTask)
		}
	}
	if t.Name != AgentTask {
		return nil
	}
	return enforceIdentity(t)
}

func enforceIdentity(t *api.Task) error {
	i := slices.IndexFunc(t.Identities, func(i *api.WorkloadIdentity) bool { return i.Name == identityName })
	if i < 0 {
		t.Identities = append(t.Identities, &api.WorkloadIdentity{Name: identityName, Audience: []string{wire.Audience}, File: true, TTL: time.Hour})
		return nil
	}
	identity := t.Identities[i]
	if !identity.File || identity.Env || !slices.Equal(identity.Audience, []string{wire.Audience}) {
		return fmt.Errorf("identity %q: it needs aud = [%q] and file = true, and env must be left out: builds can read the environment", identityName, wire.Audience)
	}
	return nil
}
