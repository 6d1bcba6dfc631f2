// SPDX-License-Identifier: MPL-2.0

package gateway

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/api"
	"github.com/muster-ci/muster/services/accept/gateway/graphql"
)

func (s *Service) newGraphQL() (*graphql.API, error) {
	return graphql.New(graphql.Deps{
		Orbs: s.deps.Peers.Orbs, Organizations: s, Compiler: s,
		NewID: s.deps.NewID, Logger: s.deps.Logger.Named("graphql"),
	})
}

// runGraphQL answers POST /graphql-unstable.
func (s *Service) runGraphQL(r *request) (any, error) {
	var in api.GraphQLRequest
	if err := r.body(&in); err != nil {
		return nil, err
	}
	if in.Query == "" {
		return nil, core.Errorf(core.CodeInvalid, "The body has no query.")
	}
	return s.graphQL.Answer(r.ctx(), r.user, in), nil
}

// failGraphQL answers in GraphQL's form with status 200: of any other status
// CircleCI's command line shows the number and not the reason. What may be sent
// again keeps its status.
func failGraphQL(c *gin.Context, err error) {
	switch core.ErrorCode(err) {
	case core.CodeInvalid, core.CodeUnauthorized, core.CodeForbidden:
		_ = c.Error(err)
		c.AbortWithStatusJSON(http.StatusOK, api.GraphQLResponse{Errors: []api.GraphQLError{{Message: core.ErrorMessage(err)}}})
	default:
		fail(c, err)
	}
}
