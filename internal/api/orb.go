// SPDX-License-Identifier: MPL-2.0

package api

import "time"

// Namespace is the first part of orb names. Muster's, as all here but the
// allow-list of URL orbs.
type Namespace struct {
	ID             string    `json:"id" format:"uuid"`
	Name           string    `json:"name"`
	OrganizationID string    `json:"organization_id,omitempty" doc:"absent for one of the installation's own"`
	CreatedAt      time.Time `json:"created_at"`
}

// NewNamespace asks for a namespace.
type NewNamespace struct {
	Name         string `json:"name"`
	Organization string `json:"organization,omitempty" doc:"slug or id of whom it belongs to; without it to the installation, for orbs that are imported"`
}

// NamespaceName is a new name of a namespace.
type NamespaceName struct {
	Name string `json:"name"`
}

// Orb is an orb of the registry.
type Orb struct {
	ID          string    `json:"id" format:"uuid"`
	Name        string    `json:"name" doc:"namespace/orb"`
	Private     bool      `json:"private"`
	Listed      bool      `json:"listed"`
	Categories  []string  `json:"categories"`
	Latest      string    `json:"latest,omitempty" doc:"the highest released version"`
	Description string    `json:"description,omitempty"`
	CreatedAt   time.Time `json:"created_at"`
}

// NewOrb asks for an orb.
type NewOrb struct {
	Name    string `json:"name" doc:"namespace/orb"`
	Private bool   `json:"private,omitempty"`
}

// OrbChange changes what people see of an orb.
type OrbChange struct {
	Listed         *bool  `json:"listed,omitempty"`
	AddCategory    string `json:"add_category,omitempty"`
	RemoveCategory string `json:"remove_category,omitempty"`
}

// OrbVersion is one version of an orb.
type OrbVersion struct {
	ID        string     `json:"id" format:"uuid"`
	Orb       string     `json:"orb"`
	Version   string     `json:"version" doc:"1.2.3 or dev:label"`
	Digest    string     `json:"digest" doc:"SHA-256 of the source"`
	Source    string     `json:"source,omitempty" doc:"where one version is asked for"`
	CreatedAt time.Time  `json:"created_at"`
	ExpiresAt *time.Time `json:"expires_at,omitempty" doc:"of a dev version"`
}

// PublishOrb asks for a version with a source.
type PublishOrb struct {
	Version   string `json:"version,omitempty" doc:"1.2.3 or dev:label"`
	Increment string `json:"increment,omitempty" enum:"major,minor,patch" doc:"instead of a version: the one after the highest"`
	Source    string `json:"source"`
	Import    bool   `json:"import,omitempty" doc:"a released version that is there with the same source is an answer; orbs that it refers to may come later"`
}

// PromoteOrb asks for a release of what a dev version holds.
type PromoteOrb struct {
	From      string `json:"from" doc:"dev:label"`
	Version   string `json:"version,omitempty"`
	Increment string `json:"increment,omitempty" enum:"major,minor,patch"`
}

// CheckOrb asks whether a source is an orb.
type CheckOrb struct {
	Source       string `json:"source"`
	Organization string `json:"organization,omitempty" doc:"slug or id of whose private orbs it may refer to"`
}

// URLOrbEntry is an entry of an organization's URL orb allow-list.
type URLOrbEntry struct {
	ID     string `json:"id" format:"uuid"`
	Name   string `json:"name"`
	Prefix string `json:"prefix"`
	Auth   string `json:"auth" enum:"none"`
}

// NewURLOrbEntry asks for one.
type NewURLOrbEntry struct {
	Name   string `json:"name"`
	Prefix string `json:"prefix" doc:"https, with a slash at its end"`
	Auth   string `json:"auth,omitempty" doc:"none; Muster fetches URL orbs without logging in"`
}

// CreatedURLOrbEntry answers the making of one.
type CreatedURLOrbEntry struct {
	ID      string `json:"id" format:"uuid"`
	Message string `json:"message"`
}
