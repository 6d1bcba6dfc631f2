// SPDX-License-Identifier: MPL-2.0

package orbs

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
)

// ListOrbs implements core.Orbs. The token of a page is the last name of the
// page before it, so that orbs made meanwhile shift nothing.
func (s *Service) ListOrbs(ctx context.Context, filter core.OrbFilter) (core.OrbList, error) {
	limit := filter.Page.Limit
	if limit == 0 {
		limit = 20
	}
	limit = min(max(limit, 1), 100)
	var rows []orbRow
	query, err := s.filtered(ctx, s.deps.DB.NewSelect().Model(&rows).Relation("Namespace"), filter)
	if err != nil {
		return core.OrbList{}, err
	}
	total, err := query.Count(ctx)
	if err != nil {
		return core.OrbList{}, fmt.Errorf("counting orbs: %w", err)
	}
	if query, err = after(query, filter.Page.Token); err != nil {
		return core.OrbList{}, err
	}
	err = query.OrderExpr("namespace.name, o.name").Limit(int64(limit) + 1).Scan(ctx)
	if err != nil {
		return core.OrbList{}, fmt.Errorf("listing orbs: %w", err)
	}
	list := core.OrbList{Items: []core.Orb{}, Total: int(total)}
	if len(rows) > limit {
		rows = rows[:limit]
		list.Next = base64.RawURLEncoding.EncodeToString([]byte(rows[limit-1].fullName()))
	}
	ids := make([]string, len(rows))
	for i, row := range rows {
		ids[i] = row.ID
	}
	known, err := categoriesOf(ctx, s.deps.DB, ids)
	if err != nil {
		return core.OrbList{}, err
	}
	for _, row := range rows {
		list.Items = append(list.Items, row.orb(known[row.ID]))
	}
	return list, nil
}

func (s *Service) filtered(ctx context.Context, query *bun.SelectQuery, filter core.OrbFilter) (*bun.SelectQuery, error) {
	if filter.Private {
		query = query.Where("o.private AND namespace.organization_id = ?", filter.OrganizationID)
	} else {
		query = query.Where("NOT o.private")
	}
	if !filter.Unlisted {
		query = query.Where("o.listed")
	}
	if filter.Namespace != "" {
		namespace, err := namespaceNamed(ctx, s.deps.DB, filter.Namespace)
		if err != nil {
			return nil, err
		}
		query = query.Where("o.namespace_id = ?", namespace.ID)
	}
	if filter.Search != "" {
		part := "%" + escapeLike(strings.ToLower(clip(filter.Search))) + "%"
		query = query.Where(`(namespace.name || '/' || o.name LIKE ? ESCAPE '!' OR LOWER(o.description) LIKE ? ESCAPE '!')`, part, part)
	}
	if filter.Category != "" {
		category, err := checkCategory(filter.Category)
		if err != nil {
			return nil, err
		}
		query = query.Where("EXISTS (SELECT 1 FROM orbs_categories AS c WHERE c.orb_id = o.id AND c.category = ?)", category)
	}
	return query, nil
}

// after begins a list behind the page that a token ended.
func after(query *bun.SelectQuery, token string) (*bun.SelectQuery, error) {
	if token == "" {
		return query, nil
	}
	last, err := base64.RawURLEncoding.DecodeString(token)
	namespace, name, ok := strings.Cut(string(last), "/")
	if err != nil || !ok {
		return nil, core.Errorf(core.CodeInvalid, "The page token %q is not one of ours.", clip(token))
	}
	return query.Where("(namespace.name > ? OR namespace.name = ? AND o.name > ?)", namespace, namespace, name), nil
}

// escapeLike makes LIKE take a text for what it is.
func escapeLike(text string) string {
	return strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(text)
}

// OrbVersions implements core.Orbs.
func (s *Service) OrbVersions(ctx context.Context, key core.OrbKey) ([]core.OrbVersion, error) {
	orb, err := s.visibleOrb(ctx, s.deps.DB, key)
	if err != nil {
		return nil, err
	}
	var rows []versionRow
	err = s.deps.DB.NewSelect().Model(&rows).Where("orb_id = ?", orb.ID).
		Where("expires_at IS NULL OR expires_at > ?", s.now()).
		OrderExpr("CASE WHEN major IS NULL THEN 1 ELSE 0 END, major DESC, minor DESC, patch DESC, created_at DESC, version").
		Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing versions: %w", err)
	}
	versions := make([]core.OrbVersion, 0, len(rows))
	for _, row := range rows {
		versions = append(versions, row.version(orb.fullName()))
	}
	return versions, nil
}
