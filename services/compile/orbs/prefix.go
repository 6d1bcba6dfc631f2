// SPDX-License-Identifier: MPL-2.0

package orbs

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
)

const (
	maxURL      = 2048
	maxPrefixes = 200 // of an organization
	maxTitle    = 200 // characters of an entry's name
)

// ListOrbPrefixes implements core.Orbs.
func (s *Service) ListOrbPrefixes(ctx context.Context, organization core.OrganizationID) ([]core.OrbPrefix, error) {
	var rows []prefixRow
	err := s.deps.DB.NewSelect().Model(&rows).Where("organization_id = ?", organization).Order("created_at", "id").Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing prefixes: %w", err)
	}
	prefixes := make([]core.OrbPrefix, 0, len(rows))
	for _, row := range rows {
		prefixes = append(prefixes, row.prefix())
	}
	return prefixes, nil
}

// AddOrbPrefix implements core.Orbs. Adding one that is there returns it as it
// is.
func (s *Service) AddOrbPrefix(ctx context.Context, p core.OrbPrefix) (core.OrbPrefix, error) {
	p.Name = strings.TrimSpace(p.Name)
	if p.OrganizationID == "" {
		return core.OrbPrefix{}, core.Errorf(core.CodeInvalid, "A prefix belongs to an organization; name one.")
	}
	if p.Name == "" || utf8.RuneCountInString(p.Name) > maxTitle {
		return core.OrbPrefix{}, core.Errorf(core.CodeInvalid, "An entry of the list needs a name of 1 to %d characters.", maxTitle)
	}
	if err := s.checkPrefix(p.Prefix); err != nil {
		return core.OrbPrefix{}, err
	}
	if p.ID == "" {
		p.ID = s.deps.NewID()
	}
	row := &prefixRow{ID: p.ID, OrganizationID: p.OrganizationID, Name: p.Name, Prefix: p.Prefix, CreatedAt: s.now()}
	err := s.deps.DB.Tx(ctx, func(ctx context.Context, tx bun.Tx) error {
		n, err := tx.NewSelect().Model((*prefixRow)(nil)).Where("organization_id = ?", p.OrganizationID).Count(ctx)
		if err != nil {
			return err
		}
		if n >= maxPrefixes {
			return core.Errorf(core.CodeExhausted, "The organization has %d prefixes, which is the limit.", n)
		}
		_, err = tx.NewInsert().Model(row).Exec(ctx)
		return err
	})
	if store.IsUnique(err) {
		var known prefixRow
		err := s.deps.DB.NewSelect().Model(&known).Where("organization_id = ? AND prefix = ?", p.OrganizationID, p.Prefix).Scan(ctx)
		if errors.Is(err, sql.ErrNoRows) {
			return core.OrbPrefix{}, core.Errorf(core.CodeConflict, "There is another entry with this id.")
		}
		return known.prefix(), doing("reading a prefix", err)
	}
	if err != nil {
		return core.OrbPrefix{}, doing("storing a prefix", err)
	}
	s.deps.Logger.Info("prefix of URL orbs added", "organization_id", p.OrganizationID, "prefix", p.Prefix)
	return row.prefix(), nil
}

// RemoveOrbPrefix implements core.Orbs. Removing what is not there is
// CodeNotFound.
func (s *Service) RemoveOrbPrefix(ctx context.Context, p core.OrbPrefix) error {
	result, err := s.deps.DB.NewDelete().Model((*prefixRow)(nil)).
		Where("id = ? AND organization_id = ?", p.ID, p.OrganizationID).Exec(ctx)
	if err != nil {
		return fmt.Errorf("removing a prefix: %w", err)
	}
	if n, err := result.RowsAffected(); err == nil && n == 0 {
		return core.Errorf(core.CodeNotFound, "The list has no such entry.")
	}
	s.deps.Logger.Info("prefix of URL orbs removed", "organization_id", p.OrganizationID, "entry", p.ID)
	return nil
}

// checkPrefix asks for a whole path segment at the end, or "https://a.example"
// would also permit "https://a.example.evil.example".
func (s *Service) checkPrefix(text string) error {
	u, err := s.parseURL(text)
	if err != nil {
		return err
	}
	if !strings.HasSuffix(u.Path, "/") || u.RawQuery != "" || u.ForceQuery {
		return core.Errorf(core.CodeInvalid, "The prefix %q must end with a slash, without a query after it.", clip(text))
	}
	return nil
}

// parseURL reads an address of an orb or a prefix. It must be in the one form
// that a comparison of prefixes can rely on: no way up, nothing that hides one.
func (s *Service) parseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || len(text) > maxURL || u.Host == "" || u.User != nil || u.Fragment != "" || u.Opaque != "" || u.String() != text {
		return nil, core.Errorf(core.CodeInvalid, "%q is not the address of an orb; write https://host/path, without a user, a fragment or blanks.", clip(text))
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !s.cfg.URLLoopback) {
		return nil, core.Errorf(core.CodeInvalid, "%q does not begin with https://, which URL orbs have to.", clip(text))
	}
	if u.Hostname() != strings.ToLower(u.Hostname()) {
		return nil, core.Errorf(core.CodeInvalid, "Write the host of %q in lower case.", clip(text))
	}
	decoded := u.Path
	for segment := range strings.SplitSeq(decoded, "/") {
		if segment == "." || segment == ".." || strings.ContainsAny(segment, "\\%") {
			return nil, core.Errorf(core.CodeInvalid, "The path of %q has %q in it; write the address without it.", clip(text), clip(segment))
		}
	}
	// An escaped slash or dot could be one more way up on the other side.
	if escaped := strings.ToLower(u.EscapedPath()); strings.Contains(escaped, "%2f") || strings.Contains(escaped, "%2e") {
		return nil, core.Errorf(core.CodeInvalid, "The path of %q has an escaped slash or dot; write the address without it.", clip(text))
	}
	return u, nil
}

// allowed checks an address against the list of an organization.
func (s *Service) allowed(ctx context.Context, organization core.OrganizationID, address string) error {
	prefixes, err := s.ListOrbPrefixes(ctx, organization)
	if err != nil {
		return err
	}
	if _, ok := matchPrefix(prefixes, address); !ok {
		return core.Errorf(core.CodeForbidden, "The URL orb %s is not allowed: no entry of the organization's URL orb allow-list is a beginning of it. An administrator can add one with `muster orb allow`.", address)
	}
	return nil
}

func matchPrefix(prefixes []core.OrbPrefix, address string) (core.OrbPrefix, bool) {
	for _, p := range prefixes {
		if strings.HasPrefix(address, p.Prefix) {
			return p, true
		}
	}
	return core.OrbPrefix{}, false
}
