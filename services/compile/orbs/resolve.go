// SPDX-License-Identifier: MPL-2.0

package orbs

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
)

// ResolveOrb implements core.Orbs. With a digest the answer is the source that
// the orb, or the URL, had then.
func (s *Service) ResolveOrb(ctx context.Context, request core.ResolveOrbRequest) (core.ResolvedOrb, error) {
	began := time.Now()
	kind, resolve := "registry", s.resolveRegistry
	if strings.Contains(request.Ref, "://") {
		kind, resolve = "url", s.resolveURL
	}
	found, err := resolve(ctx, request)
	s.metrics.resolve.WithLabelValues(kind, outcomeOf(err)).Observe(time.Since(began).Seconds())
	return found, err
}

func (s *Service) resolveRegistry(ctx context.Context, request core.ResolveOrbRequest) (core.ResolvedOrb, error) {
	name, version, err := parseReference(request.Ref)
	if err != nil {
		return core.ResolvedOrb{}, err
	}
	locked := core.LockedOrb{Ref: request.Ref, Digest: request.Digest}
	if request.Digest == "" {
		row, _, err := s.version(ctx, name, version, request.OrganizationID)
		if err != nil {
			return core.ResolvedOrb{}, err
		}
		locked.Version, locked.Digest = row.Version, row.Digest
	} else if locked.Version, err = s.lockedVersion(ctx, name, version, request); err != nil {
		return core.ResolvedOrb{}, err
	}
	source, err := s.source(ctx, locked.Digest)
	return core.ResolvedOrb{LockedOrb: locked, Source: source}, err
}

// lockedVersion checks that the orb has published the source that was locked,
// and returns the version that has it now: of several releases the highest that
// the reference means, and else the reference's own version part.
func (s *Service) lockedVersion(ctx context.Context, name fullName, w wanted, request core.ResolveOrbRequest) (string, error) {
	var row struct {
		Private        bool
		OrganizationID core.OrganizationID
		Version        sql.NullString
	}
	err := s.named(name).ColumnExpr("o.private, COALESCE(n.organization_id, '') AS organization_id, v.version").
		Join("JOIN orbs_published AS p ON p.orb_id = o.id AND p.digest = ?", request.Digest).
		Join("LEFT JOIN orbs_versions AS v ON v.orb_id = o.id AND v.digest = p.digest AND (v.version = ? OR v.major IS NOT NULL)", w.String()).
		OrderExpr("CASE WHEN v.version = ? THEN 0 ELSE 1 END, CASE WHEN v.major IS NULL THEN 1 ELSE 0 END, v.major DESC, v.minor DESC, v.patch DESC", w.String()).
		Limit(1).Scan(ctx, &row)
	visible := !row.Private || request.OrganizationID != "" && row.OrganizationID == request.OrganizationID
	switch {
	case errors.Is(err, sql.ErrNoRows), err == nil && !visible:
		return "", core.Errorf(core.CodeNotFound, "The source of %s that this pipeline began with is no longer kept; start a new pipeline.", request.Ref)
	case err != nil:
		return "", fmt.Errorf("resolving a locked orb: %w", err)
	case w.isDev() || !row.Version.Valid:
		return w.String(), nil
	default:
		return row.Version.String, nil
	}
}

// named begins a query for one orb by a present or former name.
func (s *Service) named(name fullName) *bun.SelectQuery {
	return s.deps.DB.NewSelect().TableExpr("orbs_names AS a").
		Join("JOIN orbs_namespaces AS n ON n.id = a.namespace_id").
		Join("JOIN orbs AS o ON o.namespace_id = n.id").
		Where("a.name = ? AND o.name = ?", name.namespace, name.orb)
}

// foundVersion is a version with what decides who may see it.
type foundVersion struct {
	versionRow     `bun:",extend"`
	Private        bool                `bun:"private"`
	OrganizationID core.OrganizationID `bun:"organization_id"`
	Namespace      string              `bun:"namespace"`
	Orb            string              `bun:"orb"`
}

// version finds the version that is wanted, with the present name of its orb.
func (s *Service) version(ctx context.Context, name fullName, w wanted, asker core.OrganizationID) (versionRow, string, error) {
	var found foundVersion
	query := s.named(name).
		ColumnExpr("o.private, COALESCE(n.organization_id, '') AS organization_id, n.name AS namespace, o.name AS orb").
		ColumnExpr("v.id, v.orb_id, v.version, v.digest, v.created_at, v.expires_at").
		Join("JOIN orbs_versions AS v ON v.orb_id = o.id")
	err := matching(query, w).Limit(1).Scan(ctx, &found)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return versionRow{}, "", s.missing(ctx, name, w, asker)
	case err != nil:
		return versionRow{}, "", fmt.Errorf("resolving an orb: %w", err)
	case found.Private && (asker == "" || found.OrganizationID != asker):
		return versionRow{}, "", cannotFind(name, w, "")
	case found.expired(s.now()):
		return versionRow{}, "", s.expired(name, w)
	}
	return found.versionRow, found.Namespace + "/" + found.Orb, nil
}

// matching narrows a query to the versions that are wanted, the best first.
func matching(query *bun.SelectQuery, w wanted) *bun.SelectQuery {
	if w.isDev() || w.isExact() {
		return query.Where("v.version = ?", w.String())
	}
	query = query.Where("v.major IS NOT NULL")
	for i, part := range w.parts {
		query = query.Where("v."+[]string{"major", "minor"}[i]+" = ?", part)
	}
	return query.OrderExpr("v.major DESC, v.minor DESC, v.patch DESC")
}

// missing says what is not there. Only those who may see the orb learn more
// than that.
func (s *Service) missing(ctx context.Context, name fullName, w wanted, asker core.OrganizationID) error {
	row, err := orbOf(ctx, s.deps.DB, name.String())
	switch {
	case core.ErrorCode(err) == core.CodeNotFound, err == nil && !row.visibleTo(asker):
		return cannotFind(name, w, "")
	case err != nil:
		return err
	case w.isDev():
		return cannotFind(name, w, " The orb is there, but has no such dev version.")
	case row.Latest == "":
		return cannotFind(name, w, " The orb is there, but has no released version yet; refer to a dev version, or release one.")
	default:
		return cannotFind(name, w, " The orb's newest version is "+row.Latest+".")
	}
}

// cannotFind is CircleCI's sentence, and what helps after it.
func cannotFind(name fullName, w wanted, more string) error {
	return core.Errorf(core.CodeNotFound, "Cannot find %s@%s in the orb registry. Check that the namespace, orb name and version are correct.%s", name, w, more)
}

func (s *Service) expired(name fullName, w wanted) error {
	return core.Errorf(core.CodeNotFound, "The dev version of %s@%s has expired. Dev versions of orbs are only valid for %s after publishing; publish it again.", name, w, days(duration(s.cfg.DevLifetime)))
}

// days writes a duration as people say it.
func days(d time.Duration) string {
	if d%(24*time.Hour) == 0 {
		return fmt.Sprintf("%d days", d/(24*time.Hour))
	}
	return d.String()
}

// OrbVersion implements core.Orbs.
func (s *Service) OrbVersion(ctx context.Context, key core.OrbKey) (core.OrbVersion, error) {
	name, err := parseFullName(key.Orb)
	if err != nil {
		return core.OrbVersion{}, err
	}
	w, err := parseWanted(key.Version)
	if err != nil {
		return core.OrbVersion{}, err
	}
	row, present, err := s.version(ctx, name, w, key.OrganizationID)
	if err != nil {
		return core.OrbVersion{}, err
	}
	version := row.version(present)
	version.Source, err = s.source(ctx, row.Digest)
	return version, err
}
