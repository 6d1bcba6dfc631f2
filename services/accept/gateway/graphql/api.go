// SPDX-License-Identifier: MPL-2.0

package graphql

import (
	"context"
	_ "embed"
	"fmt"
	"runtime/debug"
	"strings"

	gql "github.com/graph-gophers/graphql-go"
	gqlerrors "github.com/graph-gophers/graphql-go/errors"
	"github.com/hashicorp/go-hclog"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/api"
)

//go:embed schema.graphql
var schema string

// Bounds of one request. The longest operation of the command line has 1 KB and
// seven levels; sources and configs travel in variables.
const (
	maxQuery      = 8 << 10 // bytes
	maxSpreads    = 50      // of fragments: the validator walks through each
	maxDepth      = 15      // GraphQL's own introspection query has 13
	maxSelections = 1000
	maxOverlaps   = 10_000 // pairs of fields that are compared
	maxCalls      = 100    // to other services; the command line's longest list causes 22
	parallel      = 4      // resolvers of one request at once
)

// Organizations is what is asked of the organizations that a person may see.
type Organizations interface {
	// Organizations returns them all.
	Organizations(ctx context.Context) ([]core.Organization, error)
}

// Compiler compiles as the gateway's other routes do.
type Compiler interface {
	CompileConfig(ctx context.Context, in api.CompileRequest) (api.CompileResult, error)
	// CompileOrb checks an orb's source; OutputYAML is its processed form.
	CompileOrb(ctx context.Context, source string, owner core.OrganizationID) (api.CompileResult, error)
}

// Deps are what the operations stand on.
type Deps struct {
	Orbs          core.Orbs
	Organizations Organizations
	Compiler      Compiler
	NewID         func() string
	Logger        hclog.Logger
}

// API answers GraphQL requests. It is safe for concurrent use.
type API struct {
	deps   Deps
	schema *gql.Schema
}

// New makes it.
func New(deps Deps) (*API, error) {
	if deps.Orbs == nil || deps.Organizations == nil || deps.Compiler == nil || deps.NewID == nil || deps.Logger == nil {
		return nil, core.Errorf(core.CodeInternal, "GraphQL needs the registry of orbs, organizations, a compiler, a source of ids and a logger")
	}
	a := &API{deps: deps}
	parsed, err := gql.ParseSchema(schema, &root{a}, gql.UseFieldResolvers(), gql.UseStringDescriptions(),
		gql.MaxQueryLength(maxQuery), gql.MaxDepth(maxDepth), gql.MaxSelections(maxSelections), gql.OverlapValidationLimit(maxOverlaps),
		gql.MaxParallelism(parallel), gql.PanicHandler(a), gql.Logger(a))
	if err != nil {
		return nil, fmt.Errorf("reading the GraphQL schema: %w", err)
	}
	a.schema = parsed
	return a, nil
}

// Answer runs one request for a user. It always returns a response: what is
// wrong with the request is in its errors.
func (a *API) Answer(ctx context.Context, user core.User, request api.GraphQLRequest) api.GraphQLResponse {
	if n := strings.Count(request.Query, "..."); n > maxSpreads {
		return api.GraphQLResponse{Errors: []api.GraphQLError{{Message: fmt.Sprintf("The query spreads %d fragments; the most is %d.", n, maxSpreads)}}}
	}
	query := a.forgive(request)
	result := a.schema.Exec(visit(ctx, user), query, request.OperationName, request.Variables)
	response := api.GraphQLResponse{}
	if len(result.Data) > 0 {
		response.Data = result.Data
	}
	for _, e := range result.Errors {
		response.Errors = append(response.Errors, a.show(e))
	}
	return response
}

// MakePanicError keeps the inside of a panic from the person who met it.
func (a *API) MakePanicError(context.Context, any) *gqlerrors.QueryError {
	return &gqlerrors.QueryError{Message: internalMessage}
}

// LogPanic tells the operator of it.
func (a *API) LogPanic(_ context.Context, value any) {
	a.deps.Logger.Error("a GraphQL operation broke", "error", value, "stack", string(debug.Stack()))
}

// root resolves the operations of both kinds: query*.go has the queries, the
// files named after nouns have the mutations.
type root struct{ *API }
