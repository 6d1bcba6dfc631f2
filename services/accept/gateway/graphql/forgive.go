// SPDX-License-Identifier: MPL-2.0

package graphql

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	gqlerrors "github.com/graph-gophers/graphql-go/errors"

	"github.com/muster-ci/muster/internal/api"
)

var (
	// declaration is a variable's, up to the next one: its type has none of
	// these characters. One with a default value is left as it is.
	declaration = regexp.MustCompile(`^\$\w+\s*:\s*[\w\[\]!\s]+,?`)
	variable    = regexp.MustCompile(`^\$(\w+)`)
)

// Bounds of what is mended: the command line makes two such mistakes, and the
// value that it fails to declare is an id.
const (
	maxMended  = 8
	maxLiteral = 100
)

// forgive mends what the command line gets wrong in buildConfig and CircleCI
// accepts: variables that are declared and never used, and one that is used
// and never declared, whose value then stands in its place. Any other mistake,
// and any other query, stays as it is.
func (a *API) forgive(request api.GraphQLRequest) string {
	query := request.Query
	if len(query) > maxQuery || !strings.Contains(query, "buildConfig") {
		return query
	}
	found := a.schema.ValidateWithVariables(query, request.Variables)
	if len(found) > maxMended {
		return query
	}
	var edits []edit
	for _, e := range found {
		at, ok := offset(query, e)
		if !ok {
			return query
		}
		mend, ok := mending(query, at, e.Rule, request.Variables)
		if !ok {
			return query
		}
		edits = append(edits, mend)
	}
	// From the end, so that the offsets before stay true.
	slices.SortFunc(edits, func(x, y edit) int { return y.at - x.at })
	for _, e := range edits {
		query = query[:e.at] + e.text + query[e.at+e.length:]
	}
	return query
}

// edit replaces a part of a query.
type edit struct {
	at, length int
	text       string
}

func mending(query string, at int, rule string, variables map[string]any) (edit, bool) {
	switch rule {
	case "NoUnusedVariablesRule":
		length := len(declaration.FindString(query[at:]))
		return edit{at: at, length: length}, length > 0
	case "NoUndefinedVariablesRule":
		match := variable.FindStringSubmatch(query[at:])
		if match == nil {
			return edit{}, false
		}
		text, ok := variables[match[1]].(string)
		literal, err := json.Marshal(text) // GraphQL's strings are JSON's
		return edit{at: at, length: len(match[0]), text: string(literal)}, ok && err == nil && len(text) <= maxLiteral
	default:
		return edit{}, false
	}
}

// offset finds the place of an error in the text.
func offset(query string, e *gqlerrors.QueryError) (int, bool) {
	if len(e.Locations) == 0 {
		return 0, false
	}
	at := 0
	for range e.Locations[0].Line - 1 {
		next := strings.IndexByte(query[at:], '\n')
		if next < 0 {
			return 0, false
		}
		at += next + 1
	}
	at += e.Locations[0].Column - 1
	return at, at >= 0 && at < len(query) && query[at] == '$'
}
