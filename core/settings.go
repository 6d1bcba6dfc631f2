// SPDX-License-Identifier: MPL-2.0

package core

import "time"

// ProjectSettings are what people decide about the running of a project's
// builds. The zero value is what a new project has. A pipeline is run by the
// settings that were in force when it was triggered.
type ProjectSettings struct {
	// NoSSH refuses reruns with SSH.
	NoSSH bool `json:"no_ssh,omitempty"`
	// ProtectCaches keeps what jobs of the default branch restore to what jobs of
	// the default branch saved. Others restore those caches too, and see their own
	// branch's beside them.
	ProtectCaches bool `json:"protect_caches,omitempty"`
	// Blocked refuses new pipelines and reruns; what runs goes on.
	Blocked bool `json:"blocked,omitempty"`
	// JobTimeLimit ends a task that runs for longer, as timed out; 0 means the
	// organization's.
	JobTimeLimit time.Duration `json:"job_time_limit,omitempty"`
}

// OrganizationSettings are the same for all projects of an organization.
type OrganizationSettings struct {
	// Blocked refuses new pipelines and reruns in all projects.
	Blocked bool `json:"blocked,omitempty"`
	// JobTimeLimit is the projects' where they set none; 0 means the
	// installation's.
	JobTimeLimit time.Duration `json:"job_time_limit,omitempty"`
}

// Refusal is why the project starts nothing new, nil when it does.
func (p Project) Refusal() error {
	switch {
	case p.Organization.Settings.Blocked:
		return Errorf(CodeForbidden, "New work is blocked in the organization %s: what runs goes on, and nothing new starts until an administrator lifts the block.", p.Organization.Slug())
	case p.Settings.Blocked:
		return Errorf(CodeForbidden, "New work is blocked in the project %s: what runs goes on, and nothing new starts until an administrator lifts the block.", p.Slug())
	default:
		return nil
	}
}

// TimeLimit is how long a task of the project may run: its own limit, its
// organization's, or the one given.
func (p Project) TimeLimit(installation time.Duration) time.Duration {
	for _, limit := range []time.Duration{p.Settings.JobTimeLimit, p.Organization.Settings.JobTimeLimit} {
		if limit > 0 {
			return limit
		}
	}
	return installation
}
