// SPDX-License-Identifier: MPL-2.0

package orbs

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
)

// CreateNamespace implements core.Orbs. A second call with the same id is the
// same namespace.
func (s *Service) CreateNamespace(ctx context.Context, n core.Namespace) (core.Namespace, error) {
	if err := checkName("a namespace", n.Name); err != nil {
		return core.Namespace{}, err
	}
	if n.ID == "" {
		n.ID = s.deps.NewID()
	}
	row := &namespaceRow{ID: n.ID, Name: n.Name, OrganizationID: n.OrganizationID, CreatedAt: s.now()}
	err := s.deps.DB.Tx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if _, err := tx.NewInsert().Model(row).Exec(ctx); err != nil {
			return err
		}
		_, err := tx.NewInsert().Model(&nameRow{Name: row.Name, NamespaceID: row.ID}).Exec(ctx)
		return err
	})
	if store.IsUnique(err) {
		return s.takenNamespace(ctx, n)
	}
	if err != nil {
		return core.Namespace{}, doing("storing a namespace", err)
	}
	s.deps.Logger.Info("namespace created", "namespace", n.Name, "organization_id", n.OrganizationID)
	return row.namespace(), nil
}

// takenNamespace says what stands in the way of a new namespace.
func (s *Service) takenNamespace(ctx context.Context, n core.Namespace) (core.Namespace, error) {
	var owned namespaceRow
	err := s.deps.DB.NewSelect().Model(&owned).Where("id = ? OR organization_id = ?", n.ID, n.OrganizationID).
		OrderExpr("CASE WHEN id = ? THEN 0 ELSE 1 END", n.ID).Limit(1).Scan(ctx)
	switch {
	case err == nil && owned.ID == n.ID && owned.Name == n.Name && owned.OrganizationID == n.OrganizationID:
		return owned.namespace(), nil
	case err == nil && owned.OrganizationID == n.OrganizationID && owned.Name != n.Name && n.OrganizationID != "":
		return core.Namespace{}, core.Errorf(core.CodeConflict, "The organization has the namespace %q already, and an organization has at most one.", owned.Name)
	case err != nil && !errors.Is(err, sql.ErrNoRows):
		return core.Namespace{}, fmt.Errorf("reading a namespace: %w", err)
	default:
		return core.Namespace{}, nameTaken(n.Name)
	}
}

func nameTaken(name string) error {
	return core.Errorf(core.CodeConflict, "The namespace %q is taken.", name)
}

// Namespace implements core.Orbs.
func (s *Service) Namespace(ctx context.Context, name string) (core.Namespace, error) {
	row, err := namespaceNamed(ctx, s.deps.DB, name)
	return row.namespace(), err
}

// namespaceNamed reads a namespace by its name, a former name or its id.
func namespaceNamed(ctx context.Context, db bun.IDB, name string) (namespaceRow, error) {
	var row namespaceRow
	query := db.NewSelect().Model(&row)
	if idForm.MatchString(name) {
		query = query.Where("n.id = ?", name)
	} else {
		query = query.Join("JOIN orbs_names AS a ON a.namespace_id = n.id").Where("a.name = ?", name)
	}
	err := query.Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return row, core.Errorf(core.CodeNotFound, "There is no namespace %q.", clip(name))
	}
	if err != nil {
		return row, fmt.Errorf("reading a namespace: %w", err)
	}
	return row, nil
}

// RenameNamespace implements core.Orbs. A name that the namespace had before may
// be taken back.
func (s *Service) RenameNamespace(ctx context.Context, rename core.NamespaceRename) (core.Namespace, error) {
	if err := checkName("a namespace", rename.To); err != nil {
		return core.Namespace{}, err
	}
	var row namespaceRow
	err := s.deps.DB.Tx(ctx, func(ctx context.Context, tx bun.Tx) error {
		var err error
		if row, err = namespaceNamed(ctx, tx, rename.From); err != nil {
			return err
		}
		alias := &nameRow{Name: rename.To, NamespaceID: row.ID}
		if _, err := tx.NewInsert().Model(alias).On("CONFLICT (name) DO NOTHING").Exec(ctx); err != nil {
			return err
		}
		holder, err := namespaceNamed(ctx, tx, rename.To)
		if err != nil {
			return err
		}
		if holder.ID != row.ID {
			return nameTaken(rename.To)
		}
		row.Name = rename.To
		_, err = tx.NewUpdate().Model(&row).Column("name").WherePK().Exec(ctx)
		return err
	})
	if err != nil {
		return core.Namespace{}, doing("renaming a namespace", err)
	}
	s.deps.Logger.Info("namespace renamed", "from", rename.From, "to", rename.To)
	return row.namespace(), nil
}

// DeleteNamespaceAlias implements core.Orbs.
func (s *Service) DeleteNamespaceAlias(ctx context.Context, name string) error {
	err := s.deps.DB.Tx(ctx, func(ctx context.Context, tx bun.Tx) error {
		row, err := namespaceNamed(ctx, tx, name)
		if err != nil {
			return err
		}
		if row.Name == name {
			return core.Errorf(core.CodeConflict, "%q is the present name of the namespace, not a former one.", name)
		}
		_, err = tx.NewDelete().Model((*nameRow)(nil)).Where("name = ?", name).Exec(ctx)
		return err
	})
	if err != nil {
		return doing("deleting a former name", err)
	}
	s.deps.Logger.Info("former name of a namespace deleted", "name", name)
	return nil
}

// DeleteNamespace implements core.Orbs. Sources stay a while, but nothing leads
// to them any more: pipelines that were locked to these orbs do not find them.
func (s *Service) DeleteNamespace(ctx context.Context, name string) error {
	err := s.deps.DB.Tx(ctx, func(ctx context.Context, tx bun.Tx) error {
		row, err := namespaceNamed(ctx, tx, name)
		if err != nil {
			return err
		}
		if row.Name != name {
			return core.Errorf(core.CodeConflict, "%q is a former name of %q; delete that one, or only the former name.", name, row.Name)
		}
		orbs := tx.NewSelect().Model((*orbRow)(nil)).Column("id").Where("o.namespace_id = ?", row.ID)
		for _, part := range []any{(*versionRow)(nil), (*publishedRow)(nil), (*categoryRow)(nil)} {
			if _, err := tx.NewDelete().Model(part).Where("orb_id IN (?)", orbs).Exec(ctx); err != nil {
				return err
			}
		}
		for _, part := range []any{(*orbRow)(nil), (*nameRow)(nil)} {
			if _, err := tx.NewDelete().Model(part).Where("namespace_id = ?", row.ID).Exec(ctx); err != nil {
				return err
			}
		}
		_, err = tx.NewDelete().Model(&row).WherePK().Exec(ctx)
		return err
	})
	if err != nil {
		return doing("deleting a namespace", err)
	}
	s.deps.Logger.Info("namespace deleted", "namespace", name)
	return nil
}
