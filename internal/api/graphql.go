// SPDX-License-Identifier: MPL-2.0

package api

// GraphQLRequest is a GraphQL operation.
type GraphQLRequest struct {
	Query         string         `json:"query"`
	OperationName string         `json:"operationName,omitempty" doc:"which one, where the query has several"`
	Variables     map[string]any `json:"variables,omitempty"`
}

// GraphQLResponse answers an operation.
type GraphQLResponse struct {
	Data   any            `json:"data,omitempty"`
	Errors []GraphQLError `json:"errors,omitempty" doc:"what is wrong with the operation, or could not be answered"`
}

// GraphQLError is one error. Mistakes that an operation's own answer tells are
// in its data.
type GraphQLError struct {
	Message   string            `json:"message"`
	Locations []GraphQLLocation `json:"locations,omitempty"`
	Path      []any             `json:"path,omitempty"`
}

// GraphQLLocation is a place in the query, from 1.
type GraphQLLocation struct {
	Line   int `json:"line"`
	Column int `json:"column"`
}
