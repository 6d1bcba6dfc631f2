// SPDX-License-Identifier: MPL-2.0

package projects

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
)

type organizationRow struct {
	bun.BaseModel `bun:"table:organizations,alias:o"`

	ID          core.OrganizationID `bun:"id,pk"`
	VCS         string              `bun:"vcs"`
	Name        string              `bun:"name"`
	Concurrency int                 `bun:"concurrency"`

	Settings store.JSON[core.OrganizationSettings] `bun:"settings,type:text"`
}

func (r organizationRow) organization() core.Organization {
	return core.Organization{ID: r.ID, VCS: r.VCS, Name: r.Name, Concurrency: r.Concurrency, Settings: r.Settings.V}
}

type projectRow struct {
	bun.BaseModel `bun:"table:projects,alias:p"`

	ID             core.ProjectID                   `bun:"id,pk"`
	OrganizationID core.OrganizationID              `bun:"organization_id"`
	Slug           string                           `bun:"slug"`
	Name           string                           `bun:"name"`
	RepositoryURL  string                           `bun:"repository_url"`
	DefaultBranch  string                           `bun:"default_branch"`
	AutoCancel     bool                             `bun:"auto_cancel"`
	Settings       store.JSON[core.ProjectSettings] `bun:"settings,type:text"`
	CreatedAt      store.Time                       `bun:"created_at"`

	Organization *organizationRow `bun:"rel:belongs-to,join:organization_id=id"`
}

func (r projectRow) project() core.Project {
	return core.Project{
		ID: r.ID, Name: r.Name, RepositoryURL: r.RepositoryURL, DefaultBranch: r.DefaultBranch,
		AutoCancel: r.AutoCancel, Settings: r.Settings.V, CreatedAt: r.CreatedAt.Time(),
		Organization: r.Organization.organization(),
	}
}

type variableRow struct {
	bun.BaseModel `bun:"table:variables,alias:v"`

	ProjectID core.ProjectID `bun:"project_id,pk"`
	Name      string         `bun:"name,pk"`
	Sealed    string         `bun:"sealed"`
	UpdatedAt store.Time     `bun:"updated_at"`
}

// insertProject makes the organization on the way. The organization of an
// existing one is taken as it is.
func (s *Service) insertProject(ctx context.Context, p core.Project) (core.Project, error) {
	err := s.deps.DB.Tx(ctx, func(ctx context.Context, tx bun.Tx) error {
		organization, err := s.organization(ctx, tx, p.Organization)
		if err != nil {
			return err
		}
		p.Organization = organization
		_, err = tx.NewInsert().Model(newProjectRow(p)).Exec(ctx)
		return err
	})
	if store.IsUnique(err) {
		if known, err := s.Project(ctx, p.ID); err == nil && known.Slug() == p.Slug() {
			return known, nil
		}
		return core.Project{}, core.Errorf(core.CodeConflict, "There is a project %s already.", p.Slug())
	}
	if err != nil {
		return core.Project{}, doing("storing project", err)
	}
	return s.Project(ctx, p.ID)
}

func newProjectRow(p core.Project) *projectRow {
	return &projectRow{
		ID: p.ID, OrganizationID: p.Organization.ID, Slug: p.Slug(), Name: p.Name, RepositoryURL: p.RepositoryURL,
		DefaultBranch: p.DefaultBranch, AutoCancel: p.AutoCancel, CreatedAt: store.At(p.CreatedAt),
		Settings: store.JSON[core.ProjectSettings]{V: p.Settings},
	}
}

// organization inserts and then reads, so that two callers that make the same
// one at once end up with one.
func (s *Service) organization(ctx context.Context, tx bun.Tx, o core.Organization) (core.Organization, error) {
	if o.ID == "" {
		o.ID = core.OrganizationID(s.deps.NewID())
	}
	row := newOrganizationRow(o)
	if _, err := tx.NewInsert().Model(row).On("CONFLICT (vcs, name) DO NOTHING").Exec(ctx); err != nil {
		return core.Organization{}, err
	}
	var known organizationRow
	if err := tx.NewSelect().Model(&known).Where("vcs = ? AND name = ?", o.VCS, o.Name).Scan(ctx); err != nil {
		return core.Organization{}, err
	}
	return known.organization(), nil
}

func newOrganizationRow(o core.Organization) *organizationRow {
	return &organizationRow{
		ID: o.ID, VCS: o.VCS, Name: o.Name, Concurrency: o.Concurrency,
		Settings: store.JSON[core.OrganizationSettings]{V: o.Settings},
	}
}

func (s *Service) organizationWhere(ctx context.Context, where string, args ...any) (core.Organization, error) {
	var row organizationRow
	err := s.deps.DB.NewSelect().Model(&row).Where(where, args...).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return core.Organization{}, core.Errorf(core.CodeNotFound, "Organization not found.")
	}
	if err != nil {
		return core.Organization{}, fmt.Errorf("reading organization: %w", err)
	}
	return row.organization(), nil
}

func (s *Service) updateOrganization(ctx context.Context, o core.Organization) error {
	_, err := s.deps.DB.NewUpdate().Model(newOrganizationRow(o)).Column("concurrency", "settings").WherePK().Exec(ctx)
	return doing("updating organization", err)
}

// Project implements core.Projects.
func (s *Service) Project(ctx context.Context, id core.ProjectID) (core.Project, error) {
	return s.projectWhere(ctx, "p.id = ?", id)
}

func (s *Service) projectWhere(ctx context.Context, where string, arg any) (core.Project, error) {
	var row projectRow
	err := s.deps.DB.NewSelect().Model(&row).Relation("Organization").Where(where, arg).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return core.Project{}, core.Errorf(core.CodeNotFound, "Project not found.")
	}
	if err != nil {
		return core.Project{}, fmt.Errorf("reading project: %w", err)
	}
	return row.project(), nil
}

func (s *Service) projectsAfter(ctx context.Context, slug string, limit int64) ([]core.Project, error) {
	var rows []projectRow
	err := s.deps.DB.NewSelect().Model(&rows).Relation("Organization").
		Where("p.slug > ?", slug).Order("p.slug").Limit(limit).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing projects: %w", err)
	}
	projects := make([]core.Project, 0, len(rows))
	for _, row := range rows {
		projects = append(projects, row.project())
	}
	return projects, nil
}

func (s *Service) updateProject(ctx context.Context, p core.Project) error {
	_, err := s.deps.DB.NewUpdate().Model(newProjectRow(p)).
		Column("repository_url", "default_branch", "auto_cancel", "settings").WherePK().Exec(ctx)
	return doing("updating project", err)
}

// putVariable counts and writes in one transaction: the limit holds, too, when
// many are set at once.
func (s *Service) putVariable(ctx context.Context, id core.ProjectID, name, sealed string) error {
	err := s.deps.DB.Tx(ctx, func(ctx context.Context, tx bun.Tx) error {
		others, err := tx.NewSelect().Model((*variableRow)(nil)).Where("project_id = ? AND name <> ?", id, name).Count(ctx)
		if err != nil {
			return err
		}
		if others >= int64(s.cfg.MaxVariables) {
			return core.Errorf(core.CodeExhausted, "The project has %d environment variables, which is the limit.", others)
		}
		row := &variableRow{ProjectID: id, Name: name, Sealed: sealed, UpdatedAt: store.At(s.deps.Clock())}
		_, err = tx.NewInsert().Model(row).On("CONFLICT (project_id, name) DO UPDATE").
			Set("sealed = EXCLUDED.sealed, updated_at = EXCLUDED.updated_at").Exec(ctx)
		return err
	})
	return doing("storing variable", err)
}

func (s *Service) removeVariable(ctx context.Context, id core.ProjectID, name string) error {
	_, err := s.deps.DB.NewDelete().Model((*variableRow)(nil)).Where("project_id = ? AND name = ?", id, name).Exec(ctx)
	return doing("deleting variable", err)
}

func (s *Service) variables(ctx context.Context, id core.ProjectID) ([]variableRow, error) {
	var rows []variableRow
	err := s.deps.DB.NewSelect().Model(&rows).Where("project_id = ?", id).Order("name").Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing variables: %w", err)
	}
	return rows, nil
}
