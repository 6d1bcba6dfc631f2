// SPDX-License-Identifier: MPL-2.0

package core

import (
	"context"
	"time"
)

// LockedOrb is the exact orb that a reference was resolved to.
type LockedOrb struct {
	Ref     string `json:"ref"`               // as a config writes it, "acme/go@1" or a URL
	Version string `json:"version,omitempty"` // "1.4.2" or "dev:label"; "" for a URL
	Digest  string `json:"digest"`            // SHA-256 of the source, in hex
}

// ResolvedOrb is a locked orb and its source, which is YAML of one file.
type ResolvedOrb struct {
	LockedOrb
	Source string `json:"source"`
}

// ResolveOrbRequest asks for an orb.
type ResolveOrbRequest struct {
	Ref            string         `json:"ref"`
	OrganizationID OrganizationID `json:"organization_id,omitempty"` // whose private orbs count
	// Digest, where it is not empty, is the source that was locked before: the
	// answer is that source or CodeNotFound, never another one.
	Digest string `json:"digest,omitempty"`
}

// Namespace is the first part of orb names; it belongs to one organization, and
// an organization has at most one. One that was imported may belong to none: it
// is the installation's own and has public orbs only.
type Namespace struct {
	ID             string         `json:"id"`
	Name           string         `json:"name"`
	OrganizationID OrganizationID `json:"organization_id,omitempty"`
	CreatedAt      time.Time      `json:"created_at"`
}

// Orb is a named package of config elements.
type Orb struct {
	ID         string    `json:"id"`
	Namespace  string    `json:"namespace"`
	Name       string    `json:"name"` // the second part, after the slash
	Private    bool      `json:"private,omitempty"`
	Listed     bool      `json:"listed"`
	Categories []string  `json:"categories,omitempty"`
	CreatedAt  time.Time `json:"created_at"`
	// Latest is the highest released version, "" when there is none.
	Latest string `json:"latest,omitempty"`
	// Description is that of the latest version.
	Description string `json:"description,omitempty"`
}

// FullName returns "namespace/name".
func (o Orb) FullName() string { return o.Namespace + "/" + o.Name }

// OrbVersion is one published source of an orb. A released one never changes; a
// dev version can be published again until ExpiresAt.
type OrbVersion struct {
	ID        string     `json:"id"`
	Orb       string     `json:"orb"`     // full name
	Version   string     `json:"version"` // "1.4.2" or "dev:label"
	Digest    string     `json:"digest"`
	Source    string     `json:"source,omitempty"` // only where one version is asked for
	CreatedAt time.Time  `json:"created_at"`
	ExpiresAt *time.Time `json:"expires_at,omitempty"`
}

// PublishOrbRequest publishes a source: Version is exact ("1.2.3",
// "dev:label"), or empty with Increment "major", "minor" or "patch" over the
// highest released one.
type PublishOrbRequest struct {
	// ID of the released version that is made; may be empty. A repeated call
	// with the same id is answered as the first one was.
	ID        string `json:"id,omitempty"`
	Orb       string `json:"orb"`
	Version   string `json:"version,omitempty"`
	Increment string `json:"increment,omitempty"`
	Source    string `json:"source"`
	// Import accepts an exact released version that is there already when its
	// source is the same.
	Import bool `json:"import,omitempty"`
}

// PromoteOrbRequest releases what a dev version holds.
type PromoteOrbRequest struct {
	ID        string `json:"id,omitempty"` // as in PublishOrbRequest
	Orb       string `json:"orb"`
	From      string `json:"from"` // "dev:label"
	Increment string `json:"increment,omitempty"`
	Version   string `json:"version,omitempty"` // exact, instead of Increment
}

// OrbFilter narrows a list of orbs.
type OrbFilter struct {
	Namespace string `json:"namespace,omitempty"`
	Search    string `json:"search,omitempty"`   // a part of name or description, in any case
	Category  string `json:"category,omitempty"` // its name
	// Private lists the private orbs of OrganizationID alone; without it only
	// public ones are listed.
	Private        bool           `json:"private,omitempty"`
	Unlisted       bool           `json:"unlisted,omitempty"` // unlisted ones too
	OrganizationID OrganizationID `json:"organization_id,omitempty"`
	Page           Page           `json:"page"`
}

// OrbList is a page of orbs, by full name.
type OrbList struct {
	Items []Orb  `json:"items"`
	Next  string `json:"next,omitempty"`
	Total int    `json:"total"` // on all pages
}

// OrbKey names an orb, or one version of it, as a reference without "@" does;
// Version may be "", "volatile", "1", "1.2", "1.2.3" or "dev:label".
type OrbKey struct {
	Orb            string         `json:"orb"`
	Version        string         `json:"version,omitempty"`
	OrganizationID OrganizationID `json:"organization_id,omitempty"` // who asks
}

// OrbChange changes what people see of an orb; nil and empty leave it as it is.
type OrbChange struct {
	Orb            string `json:"orb"`
	Listed         *bool  `json:"listed,omitempty"`
	AddCategory    string `json:"add_category,omitempty"`    // its name
	RemoveCategory string `json:"remove_category,omitempty"` // its name
}

// NamespaceRename gives a namespace a new name; the old one goes on to lead to
// its orbs until it is deleted.
type NamespaceRename struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// OrbPrefix is one entry of an organization's list of URL orb prefixes.
type OrbPrefix struct {
	ID             string         `json:"id"`
	OrganizationID OrganizationID `json:"organization_id"`
	Name           string         `json:"name"`
	Prefix         string         `json:"prefix"` // "https://example.com/orbs/"
	CreatedAt      time.Time      `json:"created_at"`
}

// Orbs is the registry of orbs. Names are checked by it; whoever asks for a
// person has checked what the person may do. What is missing is CodeNotFound,
// what is taken or immutable CodeConflict.
type Orbs interface {
	OrbResolver
	Namespaces
	OrbCatalog
	OrbVersions
	OrbPrefixes
}

// OrbResolver finds the sources that configs refer to.
type OrbResolver interface {
	// ResolveOrb answers a reference of a config. Several references are asked
	// for one by one; answers to exact ones may be kept.
	ResolveOrb(ctx context.Context, request ResolveOrbRequest) (ResolvedOrb, error)
}

// Namespaces are the first parts of orb names.
type Namespaces interface {
	CreateNamespace(ctx context.Context, n Namespace) (Namespace, error)
	// Namespace returns one by its name, an old name or its id. So that these
	// cannot be mistaken, no namespace has a name in the form of an id.
	Namespace(ctx context.Context, name string) (Namespace, error)
	RenameNamespace(ctx context.Context, rename NamespaceRename) (Namespace, error)
	// DeleteNamespaceAlias forgets an old name.
	DeleteNamespaceAlias(ctx context.Context, name string) error
	// DeleteNamespace removes a namespace with all its orbs.
	DeleteNamespace(ctx context.Context, name string) error
}

// OrbCatalog is what people see of orbs.
type OrbCatalog interface {
	CreateOrb(ctx context.Context, orb Orb) (Orb, error)
	// Orb returns one by its full name, or by its id in place of the name; who
	// has the id of a private orb needs no OrganizationID.
	Orb(ctx context.Context, key OrbKey) (Orb, error)
	ListOrbs(ctx context.Context, filter OrbFilter) (OrbList, error)
	ChangeOrb(ctx context.Context, change OrbChange) (Orb, error)
	OrbCategories(ctx context.Context) ([]string, error)
}

// OrbVersions are the sources of orbs.
type OrbVersions interface {
	PublishOrb(ctx context.Context, request PublishOrbRequest) (OrbVersion, error)
	PromoteOrb(ctx context.Context, request PromoteOrbRequest) (OrbVersion, error)
	// OrbVersion returns one version with its source.
	OrbVersion(ctx context.Context, key OrbKey) (OrbVersion, error)
	// OrbVersions lists an orb's versions without sources, the newest first,
	// dev versions after released ones.
	OrbVersions(ctx context.Context, key OrbKey) ([]OrbVersion, error)
}

// OrbPrefixes say which URL orbs an organization's configs may use.
type OrbPrefixes interface {
	ListOrbPrefixes(ctx context.Context, organization OrganizationID) ([]OrbPrefix, error)
	AddOrbPrefix(ctx context.Context, prefix OrbPrefix) (OrbPrefix, error)
	RemoveOrbPrefix(ctx context.Context, prefix OrbPrefix) error
}
