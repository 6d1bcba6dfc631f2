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

// CreateOrb implements core.Orbs. A new orb is listed and has no versions. A
// second call with the same id is the same orb.
func (s *Service) CreateOrb(ctx context.Context, orb core.Orb) (core.Orb, error) {
	if err := checkName("an orb", orb.Name); err != nil {
		return core.Orb{}, err
	}
	namespace, err := namespaceNamed(ctx, s.deps.DB, orb.Namespace)
	if err != nil {
		return core.Orb{}, err
	}
	if orb.Private && namespace.OrganizationID == "" {
		return core.Orb{}, core.Errorf(core.CodeInvalid, "The namespace %q belongs to no organization, so a private orb in it would be there for nobody.", namespace.Name)
	}
	if orb.ID == "" {
		orb.ID = s.deps.NewID()
	}
	now := s.now()
	row := &orbRow{
		ID: orb.ID, NamespaceID: namespace.ID, Name: orb.Name, Private: orb.Private, Listed: true,
		CreatedAt: now, ChangedAt: now, Namespace: &namespace,
	}
	_, err = s.deps.DB.NewInsert().Model(row).Exec(ctx)
	if store.IsUnique(err) {
		known, err := orbOf(ctx, s.deps.DB, row.fullName())
		if err == nil && known.ID == orb.ID && known.Private == orb.Private {
			return s.withCategories(ctx, known)
		}
		return core.Orb{}, core.Errorf(core.CodeConflict, "There is an orb %s already.", orb.FullName())
	}
	if err != nil {
		return core.Orb{}, fmt.Errorf("storing an orb: %w", err)
	}
	s.deps.Logger.Info("orb created", "orb", row.fullName(), "private", row.Private)
	return row.orb(nil), nil
}

// Orb implements core.Orbs.
func (s *Service) Orb(ctx context.Context, key core.OrbKey) (core.Orb, error) {
	row, err := s.visibleOrb(ctx, s.deps.DB, key)
	if err != nil {
		return core.Orb{}, err
	}
	return s.withCategories(ctx, row)
}

func (s *Service) withCategories(ctx context.Context, row orbRow) (core.Orb, error) {
	known, err := categoriesOf(ctx, s.deps.DB, []string{row.ID})
	if err != nil {
		return core.Orb{}, err
	}
	return row.orb(known[row.ID]), nil
}

// visibleOrb finds the orb that a key names when the organization of the key may
// see it. An id cannot be guessed: who has it was told of the orb.
func (s *Service) visibleOrb(ctx context.Context, db bun.IDB, key core.OrbKey) (orbRow, error) {
	row, err := orbOf(ctx, db, key.Orb)
	if err == nil && !row.visibleTo(key.OrganizationID) && row.ID != key.Orb {
		err = noOrb(key.Orb)
	}
	return row, err
}

func noOrb(name string) error {
	return core.Errorf(core.CodeNotFound, "There is no orb %s in the registry.", name)
}

// orbOf reads an orb by its full name, also with a former name of the namespace,
// or by its id, whoever may see it.
func orbOf(ctx context.Context, db bun.IDB, text string) (orbRow, error) {
	var row orbRow
	query := db.NewSelect().Model(&row).Relation("Namespace")
	if idForm.MatchString(text) {
		query = query.Where("o.id = ?", text)
	} else {
		name, err := parseFullName(text)
		if err != nil {
			return row, err
		}
		query = query.Join("JOIN orbs_names AS a ON a.namespace_id = o.namespace_id").
			Where("a.name = ? AND o.name = ?", name.namespace, name.orb)
	}
	err := query.Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return row, noOrb(text)
	}
	if err != nil {
		return row, fmt.Errorf("reading an orb: %w", err)
	}
	return row, nil
}

// lockOrb reads an orb and keeps others from changing it until tx ends.
func (s *Service) lockOrb(ctx context.Context, tx bun.Tx, name string) (orbRow, error) {
	row, err := orbOf(ctx, tx, name)
	if err != nil {
		return row, err
	}
	// The update is the lock on both databases; what was read before it may be
	// out of date.
	if _, err := tx.NewUpdate().Model((*orbRow)(nil)).Set("changed_at = ?", s.now()).Where("id = ?", row.ID).Exec(ctx); err != nil {
		return row, err
	}
	return orbOf(ctx, tx, row.ID)
}

// ChangeOrb implements core.Orbs.
func (s *Service) ChangeOrb(ctx context.Context, change core.OrbChange) (core.Orb, error) {
	var row orbRow
	err := s.deps.DB.Tx(ctx, func(ctx context.Context, tx bun.Tx) error {
		var err error
		if row, err = s.lockOrb(ctx, tx, change.Orb); err != nil {
			return err
		}
		if change.Listed != nil {
			row.Listed = *change.Listed
			if _, err := tx.NewUpdate().Model(&row).Column("listed").WherePK().Exec(ctx); err != nil {
				return err
			}
		}
		// First out, then in: one call may swap.
		if change.RemoveCategory != "" {
			if err := removeCategory(ctx, tx, row.ID, change.RemoveCategory); err != nil {
				return err
			}
		}
		if change.AddCategory != "" {
			return addCategory(ctx, tx, row.ID, change.AddCategory)
		}
		return nil
	})
	if err != nil {
		return core.Orb{}, doing("changing an orb", err)
	}
	return s.withCategories(ctx, row)
}
