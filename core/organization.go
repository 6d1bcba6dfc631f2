// SPDX-License-Identifier: MPL-2.0

package core

// Organization owns projects and the limits that they share.
type Organization struct {
	ID   OrganizationID `json:"id"`
	VCS  string         `json:"vcs"`  // "gh", "bb" or "circleci", the first part of a slug
	Name string         `json:"name"` // the second part
	// Concurrency is how many tasks of the organization may run at once.
	// 0 means the queue's default.
	Concurrency int                  `json:"concurrency,omitempty"`
	Settings    OrganizationSettings `json:"settings,omitzero"`
}

// Slug returns the organization's slug, such as "gh/acme".
func (o Organization) Slug() string { return o.VCS + "/" + o.Name }
