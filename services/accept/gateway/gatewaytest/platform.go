// SPDX-License-Identifier: MPL-2.0

package gatewaytest

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/muster-ci/muster/core"
)

// Platform implements every interface that the gateway uses.
type Platform struct {
	// Script is what a new pipeline does. Set it before the first one.
	Script []JobScript
	// Skips says of branches why their commit gets no pipeline, where a request
	// heeds its message. Set it before the first one.
	Skips map[string]string
	// CompileResult answers every compilation.
	CompileResult core.CompileResult
	// Reason is what the queue says of tasks that wait.
	Reason string
	// Usage is what every attempt used; nil means that nothing is known.
	Usage *core.ResourceUsage
	// Stuck are rows that services have set aside. Set it before the first call.
	Stuck []core.StuckRow
	// TestList are the tests of whatever job is asked for, and Flaky those of
	// whatever project. Set them before the first call.
	TestList core.TestList
	Flaky    []core.FlakyTest
	// Files are the artifacts of every job, and Caches those of every project. Set
	// them before the first call.
	Files  []File
	Caches []core.Cache
	// SerialGroups are those of every organization. Set them before the first call.
	SerialGroups []core.SerialGroup

	playing sync.WaitGroup

	mu        sync.Mutex
	changed   *sync.Cond // broadcast at every change, on mu
	ids       int
	numbers   int64
	away      map[string]bool
	users     map[string]core.User // by token value
	tokens    map[core.TokenID]heldToken
	projects  map[core.ProjectID]core.Project
	variables map[core.ProjectID]map[string]string
	pipelines []*pipeline // oldest first
	continued []core.Continuation
	jobs      map[core.JobID]*job
	attempts  map[core.AttemptID]*attempt
	bundles   map[string][]byte
	calls     map[string]int
	compiled  []core.CompileRequest
	registry  registry
	people    people
}

type heldToken struct {
	core.Token
	value string
}

// New returns an empty platform.
func New() *Platform {
	p := &Platform{
		away: map[string]bool{}, users: map[string]core.User{}, tokens: map[core.TokenID]heldToken{},
		projects: map[core.ProjectID]core.Project{}, variables: map[core.ProjectID]map[string]string{},
		jobs: map[core.JobID]*job{}, attempts: map[core.AttemptID]*attempt{}, bundles: map[string][]byte{}, calls: map[string]int{},
		registry: newRegistry(),
	}
	p.changed = sync.NewCond(&p.mu)
	return p
}

// lock is how every method begins; it counts the call.
func (p *Platform) lock(method string) func() {
	p.mu.Lock()
	p.calls[method]++
	return func() {
		p.changed.Broadcast()
		p.mu.Unlock()
	}
}

// Calls returns how often a method was called.
func (p *Platform) Calls(method string) int {
	defer p.lock("Calls")()
	return p.calls[method]
}

// AwaitCalls waits until a method was called at least n times.
func (p *Platform) AwaitCalls(method string, n int) {
	defer p.lock("AwaitCalls")()
	for p.calls[method] < n {
		p.changed.Wait()
	}
}

// SetAway makes a method answer CodeUnavailable, or no longer.
func (p *Platform) SetAway(method string, away bool) {
	defer p.lock("SetAway")()
	p.away[method] = away
}

func (p *Platform) check(method string) error {
	if p.away[method] {
		return core.Errorf(core.CodeUnavailable, "dialing 10.0.0.7:9999: %s is away", method)
	}
	return nil
}

// id counts, in the form of a UUID.
func (p *Platform) id() string {
	p.ids++
	return fmt.Sprintf("00000000-0000-4000-8000-%012d", p.ids)
}

// AddUser makes a user with a token.
func (p *Platform) AddUser(login string, admin bool) (core.User, string) {
	defer p.lock("AddUser")()
	user := core.User{ID: core.UserID(p.id()), Login: login, Name: login, Admin: admin}
	value := "mst_" + login
	p.users[value] = user
	id := core.TokenID(p.id())
	p.tokens[id] = heldToken{core.Token{ID: id, User: user.ID, Label: "first", CreatedAt: time.Now().UTC()}, value}
	return user, value
}

// Authenticate implements core.Identity.
func (p *Platform) Authenticate(_ context.Context, value string) (core.User, error) {
	defer p.lock("Authenticate")()
	user, ok := p.users[value]
	if !ok {
		return core.User{}, core.Errorf(core.CodeUnauthorized, "That token is not known; it may have been revoked.")
	}
	return user, p.check("Authenticate")
}

// CreateToken implements core.Identity.
func (p *Platform) CreateToken(_ context.Context, t core.Token) (core.NewToken, error) {
	defer p.lock("CreateToken")()
	for _, user := range p.users {
		if user.ID == t.User {
			value := fmt.Sprintf("mst_token%d", len(p.tokens))
			t.CreatedAt = time.Now().UTC()
			p.users[value], p.tokens[t.ID] = user, heldToken{t, value}
			return core.NewToken{Token: t, Value: value}, nil
		}
	}
	return core.NewToken{}, core.Errorf(core.CodeNotFound, "There is no such user.")
}

// ListTokens implements core.Identity.
func (p *Platform) ListTokens(_ context.Context, user core.UserID) ([]core.Token, error) {
	defer p.lock("ListTokens")()
	var tokens []core.Token
	for _, t := range p.tokens {
		if t.User == user {
			tokens = append(tokens, t.Token)
		}
	}
	slices.SortFunc(tokens, func(a, b core.Token) int { return b.CreatedAt.Compare(a.CreatedAt) })
	return tokens, nil
}

// RevokeToken implements core.Identity.
func (p *Platform) RevokeToken(_ context.Context, id core.TokenID) error {
	defer p.lock("RevokeToken")()
	delete(p.users, p.tokens[id].value)
	delete(p.tokens, id)
	return nil
}

// CreateUser implements core.Identity.
func (p *Platform) CreateUser(_ context.Context, u core.User) (core.User, error) {
	defer p.lock("CreateUser")()
	for _, known := range p.users {
		if known.Login == u.Login {
			return core.User{}, core.Errorf(core.CodeConflict, "The login %q is taken.", u.Login)
		}
	}
	p.users["nothing-"+u.Login] = u
	return u, nil
}

// User implements core.Identity.
func (p *Platform) User(_ context.Context, id core.UserID) (core.User, error) {
	defer p.lock("User")()
	for _, user := range p.users {
		if user.ID == id {
			return user, nil
		}
	}
	return core.User{}, core.Errorf(core.CodeNotFound, "There is no such user.")
}

// CreateProject implements core.Projects.
func (p *Platform) CreateProject(_ context.Context, project core.Project) (core.Project, error) {
	defer p.lock("CreateProject")()
	for _, known := range p.projects {
		if known.Slug() == project.Slug() {
			return core.Project{}, core.Errorf(core.CodeConflict, "There is a project %s already.", project.Slug())
		}
		if known.Organization.Slug() == project.Organization.Slug() {
			project.Organization.ID = known.Organization.ID
		}
	}
	if project.Organization.ID == "" {
		project.Organization.ID = core.OrganizationID(p.id())
	}
	project.ID = core.ProjectID(cmp.Or(string(project.ID), p.id()))
	project.DefaultBranch = cmp.Or(project.DefaultBranch, "main")
	project.CreatedAt = time.Now().UTC()
	p.projects[project.ID] = project
	return project, nil
}

// Project implements core.Projects.
func (p *Platform) Project(_ context.Context, id core.ProjectID) (core.Project, error) {
	defer p.lock("Project")()
	project, ok := p.projects[id]
	if !ok {
		return core.Project{}, core.Errorf(core.CodeNotFound, "Project not found.")
	}
	return project, p.check("Project")
}

// ProjectBySlug implements core.Projects.
func (p *Platform) ProjectBySlug(_ context.Context, slug core.ProjectSlug) (core.Project, error) {
	defer p.lock("ProjectBySlug")()
	for _, project := range p.projects {
		if project.Slug() == slug.String() {
			return project, p.check("ProjectBySlug")
		}
	}
	return core.Project{}, core.Errorf(core.CodeNotFound, "Project not found.")
}

// ListProjects implements core.Projects.
func (p *Platform) ListProjects(_ context.Context, page core.Page) (core.ProjectList, error) {
	defer p.lock("ListProjects")()
	var all []core.Project
	for _, project := range p.projects {
		if project.Slug() > page.Token {
			all = append(all, project)
		}
	}
	slices.SortFunc(all, func(a, b core.Project) int { return strings.Compare(a.Slug(), b.Slug()) })
	list := core.ProjectList{Items: all}
	if limit := cmp.Or(page.Limit, 20); len(all) > limit {
		list.Items, list.Next = all[:limit], all[limit-1].Slug()
	}
	return list, nil
}

// UpdateProject implements core.Projects.
func (p *Platform) UpdateProject(_ context.Context, project core.Project) (core.Project, error) {
	defer p.lock("UpdateProject")()
	p.projects[project.ID] = project
	return project, nil
}

// Organization implements core.Projects.
func (p *Platform) Organization(_ context.Context, o core.Organization) (core.Organization, error) {
	defer p.lock("Organization")()
	for _, project := range p.projects {
		if project.Organization.Slug() == o.Slug() {
			return project.Organization, p.check("Organization")
		}
	}
	return core.Organization{}, core.Errorf(core.CodeNotFound, "Organization not found.")
}

// UpdateOrganization implements core.Projects.
func (p *Platform) UpdateOrganization(_ context.Context, o core.Organization) (core.Organization, error) {
	defer p.lock("UpdateOrganization")()
	for id, project := range p.projects {
		if project.Organization.ID == o.ID {
			project.Organization = o
			p.projects[id] = project
		}
	}
	return o, nil
}

// SetVariable implements core.ProjectSecrets.
func (p *Platform) SetVariable(_ context.Context, v core.ProjectVariable) error {
	defer p.lock("SetVariable")()
	if p.variables[v.Project] == nil {
		p.variables[v.Project] = map[string]string{}
	}
	p.variables[v.Project][v.Name] = v.Value
	return nil
}

// DeleteVariable implements core.ProjectSecrets.
func (p *Platform) DeleteVariable(_ context.Context, v core.ProjectVariable) error {
	defer p.lock("DeleteVariable")()
	delete(p.variables[v.Project], v.Name)
	return nil
}

// ListVariables implements core.ProjectSecrets.
func (p *Platform) ListVariables(ctx context.Context, id core.ProjectID) ([]core.ProjectVariable, error) {
	variables, err := p.RevealVariables(ctx, id)
	for i, v := range variables {
		variables[i].Value = "xxxx" + v.Value[max(0, len(v.Value)-4):]
	}
	return variables, err
}

// RevealVariables implements core.ProjectSecrets.
func (p *Platform) RevealVariables(_ context.Context, id core.ProjectID) ([]core.ProjectVariable, error) {
	defer p.lock("RevealVariables")()
	var variables []core.ProjectVariable
	for name, value := range p.variables[id] {
		variables = append(variables, core.ProjectVariable{Project: id, Name: name, Value: value})
	}
	slices.SortFunc(variables, func(a, b core.ProjectVariable) int { return strings.Compare(a.Name, b.Name) })
	return variables, nil
}

// Compile implements core.Configs.
func (p *Platform) Compile(_ context.Context, request core.CompileRequest) (core.CompileResult, error) {
	defer p.lock("Compile")()
	p.compiled = append(p.compiled, request)
	return p.CompileResult, p.check("Compile")
}

// Compiled returns what was asked to be compiled, in order.
func (p *Platform) Compiled() []core.CompileRequest {
	defer p.lock("Compiled")()
	return slices.Clone(p.compiled)
}

// Fetch implements core.Configs.
func (p *Platform) Fetch(context.Context, core.FetchRequest) (core.FetchResult, error) {
	defer p.lock("Fetch")()
	return core.FetchResult{}, nil
}

// Put implements gateway.Bundles.
func (p *Platform) Put(_ context.Context, key string, r io.Reader) error {
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	defer p.lock("Put")()
	p.bundles[key] = bytes.Clone(data)
	return nil
}

// Size implements gateway.Bundles.
func (p *Platform) Size(_ context.Context, key string) (int64, error) {
	defer p.lock("Size")()
	data, ok := p.bundles[key]
	if !ok {
		return 0, core.Errorf(core.CodeNotFound, "there is no %s", key)
	}
	return int64(len(data)), nil
}

// Bundle returns what was uploaded under a key.
func (p *Platform) Bundle(key string) []byte {
	defer p.lock("Bundle")()
	return p.bundles[key]
}
