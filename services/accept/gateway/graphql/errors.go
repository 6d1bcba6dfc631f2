// SPDX-License-Identifier: MPL-2.0

package graphql

import (
	"context"
	"errors"
	"strings"

	gqlerrors "github.com/graph-gophers/graphql-go/errors"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/api"
)

const (
	internalMessage = "Something went wrong inside of Muster; its log has the reason."
	awayMessage     = "A service that this needs cannot be reached just now; try again in a moment."
)

// failure is one mistake as an answer carries it.
type failure struct {
	Message string
	Type    string
}

func failureOf(err error) failure {
	return failure{Message: core.ErrorMessage(err), Type: strings.ToUpper(string(core.ErrorCode(err)))}
}

// mistakes are those of a config or an orb.
func mistakes(in []api.ConfigError) []failure {
	list := make([]failure, 0, len(in))
	for _, e := range in {
		list = append(list, failure{Message: e.Message, Type: "INVALID"})
	}
	return list
}

// answered tells a person's mistakes, which are part of an answer, from errors
// that leave the question open.
func answered(err error) ([]failure, error) {
	switch core.ErrorCode(err) {
	case "":
		return nil, nil
	case core.CodeInternal, core.CodeUnavailable, core.CodeUnauthorized:
		return nil, err
	default:
		return []failure{failureOf(err)}, nil
	}
}

// absent turns "there is none" into null.
func absent[T any](value *T, err error) (*T, error) {
	if core.ErrorCode(err) == core.CodeNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return value, nil
}

// show makes an error of the library public. What went wrong inside stays in
// the log; what is wrong with the query is the library's to say.
func (a *API) show(e *gqlerrors.QueryError) api.GraphQLError {
	shown := api.GraphQLError{Message: e.Message, Path: e.Path}
	for _, l := range e.Locations {
		shown.Locations = append(shown.Locations, api.GraphQLLocation{Line: l.Line, Column: l.Column})
	}
	if e.ResolverError == nil {
		return shown
	}
	shown.Message = core.ErrorMessage(e.ResolverError)
	switch code := core.ErrorCode(e.ResolverError); {
	case code == core.CodeUnavailable || errors.Is(e.ResolverError, context.DeadlineExceeded):
		shown.Message = awayMessage
		a.deps.Logger.Warn("a GraphQL operation could not be answered", "error", e.ResolverError)
	case code == core.CodeInternal:
		shown.Message = internalMessage
		a.deps.Logger.Error("a GraphQL operation failed", "error", e.ResolverError)
	}
	return shown
}
