// SPDX-License-Identifier: MPL-2.0

package projects

import (
	"context"
	"encoding/base64"
	"net/url"
	"regexp"
	"strings"

	"github.com/muster-ci/muster/core"
)

const (
	maxURL    = 2048
	maxBranch = 255
)

// CreateProject implements core.Projects. A second call with the same id and
// slug returns the project of the first.
func (s *Service) CreateProject(ctx context.Context, p core.Project) (core.Project, error) {
	if _, err := core.ParseProjectSlug(p.Slug()); err != nil {
		return core.Project{}, err
	}
	if p.DefaultBranch == "" {
		p.DefaultBranch = s.cfg.DefaultBranch
	}
	if err := s.validSettings(p); err != nil {
		return core.Project{}, err
	}
	if p.ID == "" {
		p.ID = core.ProjectID(s.deps.NewID())
	}
	p.CreatedAt = s.deps.Clock().UTC()
	created, err := s.insertProject(ctx, p)
	if err != nil {
		return core.Project{}, err
	}
	s.deps.Logger.Info("project created", "project_id", created.ID, "slug", created.Slug())
	return created, nil
}

// UpdateProject implements core.Projects. An empty default branch keeps the one
// that is set.
func (s *Service) UpdateProject(ctx context.Context, p core.Project) (core.Project, error) {
	known, err := s.Project(ctx, p.ID)
	if err != nil {
		return core.Project{}, err
	}
	known.RepositoryURL, known.AutoCancel, known.Settings = p.RepositoryURL, p.AutoCancel, p.Settings
	if p.DefaultBranch != "" {
		known.DefaultBranch = p.DefaultBranch
	}
	if err := s.validSettings(known); err != nil {
		return core.Project{}, err
	}
	return known, s.updateProject(ctx, known)
}

// ProjectBySlug implements core.Projects.
func (s *Service) ProjectBySlug(ctx context.Context, slug core.ProjectSlug) (core.Project, error) {
	if slug.VCS == "circleci" {
		p, err := s.Project(ctx, core.ProjectID(slug.Project))
		if err == nil && string(p.Organization.ID) == slug.Organization {
			return p, nil
		}
		if err != nil && core.ErrorCode(err) != core.CodeNotFound {
			return core.Project{}, err
		}
		// A project that was created under this kind of slug has names, too.
	}
	return s.projectWhere(ctx, "p.slug = ?", slug.String())
}

// ListProjects implements core.Projects. The token of a page is the last slug
// of the page before it, so that projects made meanwhile shift nothing.
func (s *Service) ListProjects(ctx context.Context, page core.Page) (core.ProjectList, error) {
	after, err := base64.RawURLEncoding.DecodeString(page.Token)
	if err != nil {
		return core.ProjectList{}, core.Errorf(core.CodeInvalid, "The page token %q is not one of ours.", page.Token)
	}
	limit := page.Limit
	if limit == 0 {
		limit = 20
	}
	limit = min(max(limit, 1), 100)
	items, err := s.projectsAfter(ctx, string(after), int64(limit)+1)
	if err != nil {
		return core.ProjectList{}, err
	}
	list := core.ProjectList{Items: items}
	if len(items) > limit {
		list.Items = items[:limit]
		list.Next = base64.RawURLEncoding.EncodeToString([]byte(items[limit-1].Slug()))
	}
	return list, nil
}

func (s *Service) validSettings(p core.Project) error {
	if err := validBranch(p.DefaultBranch); err != nil {
		return err
	}
	if err := s.validOrganization(p.Organization); err != nil {
		return err
	}
	if err := s.validLimit(p.Settings.JobTimeLimit); err != nil {
		return err
	}
	return validRepository(p.RepositoryURL, s.cfg.LocalRepositories)
}

// scpLike is git's short form of an SSH address, git@host:path.
var scpLike = regexp.MustCompile(`^[A-Za-z0-9._-]+@[A-Za-z0-9.-]+:[^\s-][^\s]*$`)

// validRepository lets through what git clones over the network, and folders
// where the operator allows them. Everything else is refused for good: transports such as ext:: run
// commands, and a leading dash is read as an option.
func validRepository(text string, local bool) error {
	if text == "" || scpLike.MatchString(text) {
		return nil
	}
	if len(text) > maxURL {
		return core.Errorf(core.CodeInvalid, "A repository URL may have %d characters.", maxURL)
	}
	if local && strings.HasPrefix(text, "/") && !strings.ContainsAny(text, "\x00\r\n") {
		return nil
	}
	u, err := url.Parse(text)
	if err == nil {
		switch u.Scheme {
		case "https", "http", "ssh", "git":
			if u.Host != "" && !strings.HasPrefix(u.Host, "-") {
				return nil
			}
		case "file":
			if local {
				return nil
			}
		}
	}
	return core.Errorf(core.CodeInvalid, "%q is not a repository that git can clone; use an https://, ssh:// or git@host:path address.", text)
}

func validBranch(name string) error {
	bad := name == "" || len(name) > maxBranch || strings.HasPrefix(name, "-") || strings.HasPrefix(name, "/") ||
		strings.HasSuffix(name, "/") || strings.HasSuffix(name, ".lock") || strings.HasSuffix(name, ".") ||
		strings.Contains(name, "..") || strings.Contains(name, "//") || strings.Contains(name, "@{") ||
		strings.ContainsAny(name, " ~^:?*[\\\x7f")
	for _, r := range name {
		bad = bad || r < 0x20
	}
	if bad {
		return core.Errorf(core.CodeInvalid, "%q is not a branch name that git allows.", name)
	}
	return nil
}
