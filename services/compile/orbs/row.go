// SPDX-License-Identifier: MPL-2.0

package orbs

import (
	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
)

type namespaceRow struct {
	bun.BaseModel `bun:"table:orbs_namespaces,alias:n"`

	ID             string              `bun:"id,pk"`
	Name           string              `bun:"name"`
	OrganizationID core.OrganizationID `bun:"organization_id,nullzero"` // NULL for the installation's own
	CreatedAt      store.Time          `bun:"created_at"`
}

func (r namespaceRow) namespace() core.Namespace {
	return core.Namespace{ID: r.ID, Name: r.Name, OrganizationID: r.OrganizationID, CreatedAt: r.CreatedAt.Time()}
}

// nameRow leads from a name, present or former, to a namespace.
type nameRow struct {
	bun.BaseModel `bun:"table:orbs_names,alias:a"`

	Name        string `bun:"name,pk"`
	NamespaceID string `bun:"namespace_id"`
}

type orbRow struct {
	bun.BaseModel `bun:"table:orbs,alias:o"`

	ID          string     `bun:"id,pk"`
	NamespaceID string     `bun:"namespace_id"`
	Name        string     `bun:"name"`
	Private     bool       `bun:"private"`
	Listed      bool       `bun:"listed"`
	Latest      string     `bun:"latest"`
	Description string     `bun:"description"`
	CreatedAt   store.Time `bun:"created_at"`
	ChangedAt   store.Time `bun:"changed_at"`

	Namespace *namespaceRow `bun:"rel:belongs-to,join:namespace_id=id"`
}

func (r orbRow) orb(categories []string) core.Orb {
	return core.Orb{
		ID: r.ID, Namespace: r.Namespace.Name, Name: r.Name, Private: r.Private, Listed: r.Listed,
		Categories: categories, CreatedAt: r.CreatedAt.Time(), Latest: r.Latest, Description: r.Description,
	}
}

func (r orbRow) fullName() string { return r.Namespace.Name + "/" + r.Name }

// visibleTo tells whether an organization may know of the orb.
func (r orbRow) visibleTo(organization core.OrganizationID) bool {
	return !r.Private || organization != "" && organization == r.Namespace.OrganizationID
}

type categoryRow struct {
	bun.BaseModel `bun:"table:orbs_categories,alias:c"`

	OrbID    string `bun:"orb_id,pk"`
	Category string `bun:"category,pk"`
}

// versionRow is one version; the three numbers are NULL for a dev one.
type versionRow struct {
	bun.BaseModel `bun:"table:orbs_versions,alias:v"`

	ID        string     `bun:"id,pk"`
	OrbID     string     `bun:"orb_id"`
	Version   string     `bun:"version"`
	Major     *int64     `bun:"major"`
	Minor     *int64     `bun:"minor"`
	Patch     *int64     `bun:"patch"`
	Digest    string     `bun:"digest"`
	CreatedAt store.Time `bun:"created_at"`
	ExpiresAt store.Time `bun:"expires_at"`
}

func (r versionRow) version(orb string) core.OrbVersion {
	return core.OrbVersion{
		ID: r.ID, Orb: orb, Version: r.Version, Digest: r.Digest,
		CreatedAt: r.CreatedAt.Time(), ExpiresAt: r.ExpiresAt.Ptr(),
	}
}

func (r versionRow) expired(now store.Time) bool {
	return !r.ExpiresAt.IsZero() && !r.ExpiresAt.Time().After(now.Time())
}

// publishedRow says that an orb has published a source. Until is NULL for a
// release; else it is when the last dev version with it ended or will end.
type publishedRow struct {
	bun.BaseModel `bun:"table:orbs_published,alias:p"`

	OrbID  string     `bun:"orb_id,pk"`
	Digest string     `bun:"digest,pk"`
	Until  store.Time `bun:"until"`
}

type prefixRow struct {
	bun.BaseModel `bun:"table:orbs_prefixes,alias:x"`

	ID             string              `bun:"id,pk"`
	OrganizationID core.OrganizationID `bun:"organization_id"`
	Name           string              `bun:"name"`
	Prefix         string              `bun:"prefix"`
	CreatedAt      store.Time          `bun:"created_at"`
}

func (r prefixRow) prefix() core.OrbPrefix {
	return core.OrbPrefix{ID: r.ID, OrganizationID: r.OrganizationID, Name: r.Name, Prefix: r.Prefix, CreatedAt: r.CreatedAt.Time()}
}

// fetchedRow says that a URL had this source when it was last seen with it.
type fetchedRow struct {
	bun.BaseModel `bun:"table:orbs_fetched,alias:f"`

	URL       string     `bun:"url,pk"`
	Digest    string     `bun:"digest,pk"`
	FetchedAt store.Time `bun:"fetched_at"`
}

// sourceRow is a source under its SHA-256, packed with gzip.
type sourceRow struct {
	bun.BaseModel `bun:"table:orbs_sources,alias:s"`

	Digest string     `bun:"digest,pk"`
	Packed []byte     `bun:"packed"`
	UsedAt store.Time `bun:"used_at"`
}
