// SPDX-License-Identifier: MPL-2.0

package graphql

import (
	"context"
	"strconv"
	"strings"

	"github.com/muster-ci/muster/core"
)

// pageInfo is a PageInfo of the schema.
type pageInfo struct{ HasNextPage bool }

// orbEdge is an OrbEdge of the schema.
type orbEdge struct {
	Cursor string
	Node   *orb
}

// orbConnection is an OrbConnection of the schema.
type orbConnection struct {
	TotalCount int32
	Edges      []orbEdge
	PageInfo   pageInfo
}

const (
	defaultPage = 20
	maxPage     = 50
)

func pageSize(first *int32) (int, error) {
	switch {
	case first == nil:
		return defaultPage, nil
	case *first < 1 || *first > maxPage:
		return 0, core.Errorf(core.CodeInvalid, "first is %d; a page has 1 to %d entries.", *first, maxPage)
	default:
		return int(*first), nil
	}
}

// cursor is a place in a list: how many entries to skip of the page that the
// registry's token begins. Only the end of a page has a token of its own.
type cursor struct {
	skip  int
	token string
}

// String is the cursor as clients see it, which is nothing for them to read.
func (c cursor) String() string { return strconv.Itoa(c.skip) + ":" + c.token }

func parseCursor(text *string) (cursor, error) {
	if text == nil || *text == "" {
		return cursor{}, nil
	}
	number, token, ok := strings.Cut(*text, ":")
	skip, err := strconv.Atoi(number)
	if !ok || err != nil || skip < 0 || skip > maxPage {
		return cursor{}, core.Errorf(core.CodeInvalid, "%q is not a cursor of this list.", *text)
	}
	return cursor{skip, token}, nil
}

// orbs returns a page of the orbs that the filter lets through.
func (a *API) orbs(ctx context.Context, filter core.OrbFilter, first *int32, after *string) (*orbConnection, error) {
	size, err := pageSize(first)
	if err != nil {
		return nil, err
	}
	from, err := parseCursor(after)
	if err != nil {
		return nil, err
	}
	if err := spend(ctx); err != nil {
		return nil, err
	}
	filter.Page = core.Page{Token: from.token, Limit: size + from.skip}
	list, err := a.deps.Orbs.ListOrbs(ctx, filter)
	if err != nil {
		return nil, err
	}
	connection := &orbConnection{TotalCount: int32(list.Total), PageInfo: pageInfo{HasNextPage: list.Next != ""}}
	for i := min(from.skip, len(list.Items)); i < len(list.Items); i++ {
		at := cursor{i + 1, from.token}
		if i == len(list.Items)-1 && list.Next != "" {
			at = cursor{0, list.Next}
		}
		connection.Edges = append(connection.Edges, orbEdge{Cursor: at.String(), Node: &orb{api: a, of: list.Items[i], owner: filter.OrganizationID}})
	}
	return connection, nil
}
