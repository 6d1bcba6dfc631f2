// SPDX-License-Identifier: MPL-2.0

package orbs

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
)

// maxCategories is how many categories an orb may be in, as at CircleCI.
const maxCategories = 2

// categories are those of CircleCI's public registry.
func categories() []string {
	return []string{
		"Artifacts/Registry", "Build", "Cloud Platform", "Code Analysis", "Collaboration", "Containers", "Deployment",
		"Infra Automation", "Kubernetes", "Language/Framework", "Monitoring", "Notifications", "Reporting", "Security", "Testing",
	}
}

// OrbCategories implements core.Orbs.
func (s *Service) OrbCategories(context.Context) ([]string, error) { return categories(), nil }

// orbCategories is OrbCategories for a route, which has an argument.
func (s *Service) orbCategories(ctx context.Context, _ any) ([]string, error) {
	return s.OrbCategories(ctx)
}

// checkCategory returns the category in its own spelling.
func checkCategory(name string) (string, error) {
	known := categories()
	i := slices.IndexFunc(known, func(c string) bool { return strings.EqualFold(c, name) })
	if i < 0 {
		return "", core.Errorf(core.CodeNotFound, "There is no category %q; there are %s.", clip(name), strings.Join(known, ", "))
	}
	return known[i], nil
}

// addCategory puts an orb into one more category. The row of the orb is locked,
// so that the bound holds when two are added at once.
func addCategory(ctx context.Context, tx bun.Tx, orb, name string) error {
	category, err := checkCategory(name)
	if err != nil {
		return err
	}
	var others []string
	err = tx.NewSelect().Model((*categoryRow)(nil)).Column("category").
		Where("orb_id = ? AND category <> ?", orb, category).Order("category").Scan(ctx, &others)
	if err != nil {
		return err
	}
	if len(others) >= maxCategories {
		return core.Errorf(core.CodeConflict, "The orb is in %s, and an orb may be in %d categories; remove it from one first.", strings.Join(others, " and "), maxCategories)
	}
	_, err = tx.NewInsert().Model(&categoryRow{OrbID: orb, Category: category}).On("CONFLICT (orb_id, category) DO NOTHING").Exec(ctx)
	return err
}

func removeCategory(ctx context.Context, tx bun.Tx, orb, name string) error {
	category, err := checkCategory(name)
	if err != nil {
		return err
	}
	_, err = tx.NewDelete().Model((*categoryRow)(nil)).Where("orb_id = ? AND category = ?", orb, category).Exec(ctx)
	return err
}

// categoriesOf returns the categories of orbs by the orbs' ids.
func categoriesOf(ctx context.Context, db bun.IDB, orbs []string) (map[string][]string, error) {
	found := map[string][]string{}
	if len(orbs) == 0 {
		return found, nil
	}
	var rows []categoryRow
	err := db.NewSelect().Model(&rows).Where("orb_id IN (?)", bun.List(orbs)).Order("category").Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading categories: %w", err)
	}
	for _, row := range rows {
		found[row.OrbID] = append(found[row.OrbID], row.Category)
	}
	return found, nil
}
