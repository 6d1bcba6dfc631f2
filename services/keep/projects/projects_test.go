// SPDX-License-Identifier: MPL-2.0

package projects_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/secrets"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/store/storetest"
	"github.com/muster-ci/muster/internal/testx"
	"github.com/muster-ci/muster/services/keep/projects"
)

func start(t *testing.T, cfg projects.Config, db *store.DB) *projects.Service {
	t.Helper()
	sealer, err := secrets.NewKeyset(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s, err := projects.New(cfg, projects.Deps{
		Logger: hclog.NewNullLogger(), Clock: time.Now, NewID: core.NewID, DB: db, Sealer: sealer,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	for s.Ready(ctx) != nil {
		select {
		case err := <-ended:
			t.Fatalf("run ended early: %v", err)
		case <-time.After(2 * time.Millisecond): // Ready has no signal, it is polled as Consul polls it
		}
	}
	return s
}

func site(name string) core.Project {
	return core.Project{Organization: core.Organization{VCS: "gh", Name: "acme"}, Name: name, RepositoryURL: "https://example.com/acme/" + name}
}

func TestProjects(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "projects", func(t *testing.T, open func() *store.DB) {
		s := start(t, projects.Default(), open())
		ctx := t.Context()
		created, err := s.CreateProject(ctx, site("site"))
		if err != nil {
			t.Fatal(err)
		}
		if created.ID == "" || created.Organization.ID == "" || created.DefaultBranch != "main" || created.Slug() != "gh/acme/site" {
			t.Errorf("created %+v lacks something", created)
		}
		byID, err := s.Project(ctx, created.ID)
		if diff := cmp.Diff(created, byID); err != nil || diff != "" {
			t.Errorf("by id: %v (-want +got):\n%s", err, diff)
		}
		for _, slug := range []core.ProjectSlug{
			{VCS: "gh", Organization: "acme", Project: "site"},
			{VCS: "circleci", Organization: string(created.Organization.ID), Project: string(created.ID)},
		} {
			got, err := s.ProjectBySlug(ctx, slug)
			if diff := cmp.Diff(created, got); err != nil || diff != "" {
				t.Errorf("by slug %s: %v (-want +got):\n%s", slug, err, diff)
			}
		}
		second, err := s.CreateProject(ctx, site("docs"))
		if err != nil || second.Organization != created.Organization {
			t.Errorf("second project: got organization %+v, %v, want %+v", second.Organization, err, created.Organization)
		}
		if _, err := s.CreateProject(ctx, site("site")); core.ErrorCode(err) != core.CodeConflict {
			t.Errorf("a taken slug: got %v, want conflict", err)
		}
		if again, err := s.CreateProject(ctx, created); err != nil || again.ID != created.ID {
			t.Errorf("the same call again: got %v, %v, want the same project", again.ID, err)
		}
		if _, err := s.ProjectBySlug(ctx, core.ProjectSlug{VCS: "gh", Organization: "acme", Project: "none"}); core.ErrorCode(err) != core.CodeNotFound {
			t.Errorf("an unknown slug: got %v, want not_found", err)
		}
	})
}

func TestUpdateProject(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "projects", func(t *testing.T, open func() *store.DB) {
		s := start(t, projects.Default(), open())
		p, err := s.CreateProject(t.Context(), site("site"))
		if err != nil {
			t.Fatal(err)
		}
		p.RepositoryURL, p.DefaultBranch, p.AutoCancel = "git@example.com:acme/site.git", "trunk", true
		p.Settings = core.ProjectSettings{NoSSH: true, Blocked: true, JobTimeLimit: time.Hour}
		if _, err := s.UpdateProject(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		got, err := s.Project(t.Context(), p.ID)
		if diff := cmp.Diff(p, got); err != nil || diff != "" {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	})
}

func TestListProjects(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "projects", func(t *testing.T, open func() *store.DB) {
		s := start(t, projects.Default(), open())
		var want, got []string
		for i := range 7 {
			p, err := s.CreateProject(t.Context(), site(fmt.Sprintf("p%d", i)))
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, p.Slug())
		}
		page := core.Page{Limit: 3}
		for {
			list, err := s.ListProjects(t.Context(), page)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range list.Items {
				got = append(got, p.Slug())
			}
			if page.Token = list.Next; page.Token == "" {
				break
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if _, err := s.ListProjects(t.Context(), core.Page{Token: "!"}); core.ErrorCode(err) != core.CodeInvalid {
			t.Errorf("a strange token: got %v, want invalid", err)
		}
	})
}

func TestCreateProjectRefuses(t *testing.T) {
	t.Parallel()
	s := start(t, projects.Default(), storetest.Open(t, "projects"))
	with := func(change func(*core.Project)) core.Project {
		p := site("site")
		change(&p)
		return p
	}
	for name, p := range map[string]core.Project{
		"transport that runs commands": with(func(p *core.Project) { p.RepositoryURL = "ext::sh -c id" }),
		"option as repository":         with(func(p *core.Project) { p.RepositoryURL = "--upload-pack=id" }),
		"option as host":               with(func(p *core.Project) { p.RepositoryURL = "ssh://-oProxyCommand=id/x" }),
		"folder of the server":         with(func(p *core.Project) { p.RepositoryURL = "/etc" }),
		"file of the server":           with(func(p *core.Project) { p.RepositoryURL = "file:///etc" }),
		"option as branch":             with(func(p *core.Project) { p.DefaultBranch = "--x" }),
		"branch with two dots":         with(func(p *core.Project) { p.DefaultBranch = "a..b" }),
		"name with a slash":            with(func(p *core.Project) { p.Name = "a/b" }),
		"unknown kind":                 with(func(p *core.Project) { p.Organization.VCS = "svn" }),
	} {
		if _, err := s.CreateProject(t.Context(), p); core.ErrorCode(err) != core.CodeInvalid {
			t.Errorf("%s: got %v, want invalid", name, err)
		}
	}
}

func TestOneOrganizationAtOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "projects", func(t *testing.T, open func() *store.DB) {
		s := start(t, projects.Default(), open())
		var wg sync.WaitGroup
		ids := make([]core.OrganizationID, 8)
		for i := range ids {
			wg.Go(func() {
				p, err := s.CreateProject(t.Context(), site(fmt.Sprintf("p%d", i)))
				if err != nil {
					t.Errorf("project %d: %v", i, err)
				}
				ids[i] = p.Organization.ID
			})
		}
		wg.Wait()
		for _, id := range ids {
			if id != ids[0] {
				t.Errorf("got organizations %v, want one", ids)
			}
		}
	})
}

func TestVariables(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "projects", func(t *testing.T, open func() *store.DB) {
		db := open()
		s := start(t, projects.Default(), db)
		ctx := t.Context()
		p, err := s.CreateProject(ctx, site("site"))
		if err != nil {
			t.Fatal(err)
		}
		values := map[string]string{"B_TOKEN": "canary-1234567890", "A": "x", "SHORT": "abcd", "_EMPTY": "", "WIDE": "pässwörter"}
		for name, value := range values {
			for range 2 { // the second replaces the first
				if err := s.SetVariable(ctx, core.ProjectVariable{Project: p.ID, Name: name, Value: value}); err != nil {
					t.Fatal(err)
				}
			}
		}
		masked := list(t, s.ListVariables, p.ID)
		want := map[string]string{"B_TOKEN": "xxxx7890", "A": "xxxx", "SHORT": "xxxxcd", "_EMPTY": "xxxx", "WIDE": "xxxxrter"}
		if diff := cmp.Diff(want, masked); diff != "" {
			t.Errorf("masked (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(values, list(t, s.RevealVariables, p.ID)); diff != "" {
			t.Errorf("revealed (-want +got):\n%s", diff)
		}
		var stored []string
		if err := db.NewSelect().Table("variables").Column("sealed").Scan(ctx, &stored); err != nil {
			t.Fatal(err)
		}
		if text := strings.Join(stored, "\n"); strings.Contains(text, "canary") || strings.Contains(text, "7890") {
			t.Error("a value is in the table")
		}
		for range 2 {
			if err := s.DeleteVariable(ctx, core.ProjectVariable{Project: p.ID, Name: "A"}); err != nil {
				t.Fatal(err)
			}
		}
		if got := list(t, s.ListVariables, p.ID); len(got) != len(values)-1 {
			t.Errorf("after deleting: got %v", got)
		}
	})
}

func list(t *testing.T, read func(context.Context, core.ProjectID) ([]core.ProjectVariable, error), id core.ProjectID) map[string]string {
	t.Helper()
	variables, err := read(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]string{}
	for _, v := range variables {
		values[v.Name] = v.Value
	}
	return values
}

// A row that was moved to another project must not open there.
func TestVariablesAreBoundToTheirProject(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, "projects")
	s := start(t, projects.Default(), db)
	var ids []core.ProjectID
	for _, name := range []string{"mine", "theirs"} {
		p, err := s.CreateProject(t.Context(), site(name))
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, p.ID)
	}
	if err := s.SetVariable(t.Context(), core.ProjectVariable{Project: ids[0], Name: "KEY", Value: "value"}); err != nil {
		t.Fatal(err)
	}
	if _, err := db.NewUpdate().Table("variables").Set("project_id = ?", ids[1]).Where("name = 'KEY'").Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, err := s.RevealVariables(t.Context(), ids[1]); err == nil {
		t.Errorf("got %v, want an error", got)
	}
}

func TestSetVariableRefuses(t *testing.T) {
	t.Parallel()
	cfg := projects.Default()
	cfg.MaxVariables = 1
	s := start(t, cfg, storetest.Open(t, "projects"))
	p, err := s.CreateProject(t.Context(), site("site"))
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		variable core.ProjectVariable
		want     core.Code
	}{
		"no name":         {core.ProjectVariable{Project: p.ID, Value: "v"}, core.CodeInvalid},
		"digit first":     {core.ProjectVariable{Project: p.ID, Name: "1A", Value: "v"}, core.CodeInvalid},
		"equals sign":     {core.ProjectVariable{Project: p.ID, Name: "A=B", Value: "v"}, core.CodeInvalid},
		"line break":      {core.ProjectVariable{Project: p.ID, Name: "A\n", Value: "v"}, core.CodeInvalid},
		"zero byte":       {core.ProjectVariable{Project: p.ID, Name: "A", Value: "a\x00b"}, core.CodeInvalid},
		"over 32 KiB":     {core.ProjectVariable{Project: p.ID, Name: "A", Value: strings.Repeat("v", 32<<10+1)}, core.CodeInvalid},
		"unknown project": {core.ProjectVariable{Project: "none", Name: "A", Value: "v"}, core.CodeNotFound},
	} {
		if err := s.SetVariable(t.Context(), test.variable); core.ErrorCode(err) != test.want {
			t.Errorf("%s: got %v, want %s", name, err, test.want)
		}
	}
	largest := core.ProjectVariable{Project: p.ID, Name: "A", Value: strings.Repeat("v", 32<<10)}
	if err := s.SetVariable(t.Context(), largest); err != nil {
		t.Errorf("a value of 32 KiB: %v", err)
	}
	if err := s.SetVariable(t.Context(), core.ProjectVariable{Project: p.ID, Name: "B"}); core.ErrorCode(err) != core.CodeExhausted {
		t.Errorf("one too many: got %v, want exhausted", err)
	}
}

// TestStress starts and stops the service over one database while ten callers
// use it. It is not parallel, since it counts goroutines.
func TestStress(t *testing.T) {
	testx.NoLeaks(t)
	db := storetest.Open(t, "projects")
	for round := range 3 {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			s := start(t, projects.Default(), db)
			var wg sync.WaitGroup
			for i := range 10 {
				wg.Go(func() {
					p, err := s.CreateProject(t.Context(), site(fmt.Sprintf("p%d-%d", round, i)))
					if err != nil {
						t.Errorf("project: %v", err)
						return
					}
					if err := s.SetVariable(t.Context(), core.ProjectVariable{Project: p.ID, Name: "A", Value: "b"}); err != nil {
						t.Errorf("variable: %v", err)
					}
				})
			}
			wg.Wait()
		})
	}
}

func TestOrganizationSettings(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "projects", func(t *testing.T, open func() *store.DB) {
		s := start(t, projects.Default(), open())
		p, err := s.CreateProject(t.Context(), site("site"))
		if err != nil {
			t.Fatal(err)
		}
		o := p.Organization
		o.Concurrency, o.Settings = 9, core.OrganizationSettings{Blocked: true, JobTimeLimit: 2 * time.Hour}
		o.Name = "renamed" // is not changed
		if _, err := s.UpdateOrganization(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		o.Name = "acme"
		for _, by := range []core.Organization{{VCS: "gh", Name: "acme"}, {VCS: "circleci", Name: string(o.ID)}} {
			got, err := s.Organization(t.Context(), by)
			if diff := cmp.Diff(o, got); err != nil || diff != "" {
				t.Errorf("by %s: %v (-want +got):\n%s", by.Slug(), err, diff)
			}
		}
		if p, err = s.Project(t.Context(), p.ID); err != nil || p.Organization != o {
			t.Errorf("its project has %+v (%v), want %+v", p.Organization, err, o)
		}
		if p.TimeLimit(time.Minute) != 2*time.Hour || core.ErrorCode(p.Refusal()) != core.CodeForbidden {
			t.Errorf("limit %s, refusal %v", p.TimeLimit(time.Minute), p.Refusal())
		}
		p.Settings.JobTimeLimit = time.Hour
		if p.TimeLimit(time.Minute) != time.Hour {
			t.Errorf("limit %s, want the project's own", p.TimeLimit(time.Minute))
		}
		for _, limit := range []time.Duration{time.Second, 25 * time.Hour, -time.Hour} {
			o.Settings.JobTimeLimit, p.Settings.JobTimeLimit = limit, limit
			if _, err := s.UpdateOrganization(t.Context(), o); core.ErrorCode(err) != core.CodeInvalid {
				t.Errorf("organization, limit %s: got %v, want invalid", limit, err)
			}
			if _, err := s.UpdateProject(t.Context(), p); core.ErrorCode(err) != core.CodeInvalid {
				t.Errorf("project, limit %s: got %v, want invalid", limit, err)
			}
		}
		if _, err := s.Organization(t.Context(), core.Organization{VCS: "gh", Name: "none"}); core.ErrorCode(err) != core.CodeNotFound {
			t.Errorf("an unknown one: got %v, want not_found", err)
		}
	})
}
