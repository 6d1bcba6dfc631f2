// SPDX-License-Identifier: MPL-2.0

package graphql

import (
	"context"

	"github.com/muster-ci/muster/core"
)

// category is an OrbCategory of the schema. The registry knows categories by
// their names, so their ids follow from these.
type category struct {
	ID   uuid
	Name string
}

func newCategory(name string) category {
	return category{ID: uuid(core.DerivedID("orb category", name)), Name: name}
}

// categoryEdge is an OrbCategoryEdge of the schema; the cursor is the name.
type categoryEdge struct {
	Cursor string
	Node   category
}

// categoryConnection is an OrbCategoryConnection of the schema.
type categoryConnection struct {
	TotalCount int32
	Edges      []categoryEdge
	PageInfo   pageInfo
}

func (a *API) allCategories(ctx context.Context) ([]category, error) {
	if err := spend(ctx); err != nil {
		return nil, err
	}
	names, err := a.deps.Orbs.OrbCategories(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]category, 0, len(names))
	for _, name := range names {
		all = append(all, newCategory(name))
	}
	return all, nil
}

// categoryWhere returns the first that fits.
func (a *API) categoryWhere(ctx context.Context, fits func(category) bool) (*category, error) {
	all, err := a.allCategories(ctx)
	if err != nil {
		return nil, err
	}
	for _, c := range all {
		if fits(c) {
			return &c, nil
		}
	}
	return nil, core.Errorf(core.CodeNotFound, "There is no such category; `circleci orb list-categories` lists those that there are.")
}

// categories returns a page. An unknown cursor begins anew, as an empty one does.
func (a *API) categories(ctx context.Context, first *int32, after *string) (*categoryConnection, error) {
	size, err := pageSize(first)
	if err != nil {
		return nil, err
	}
	all, err := a.allCategories(ctx)
	if err != nil {
		return nil, err
	}
	page := &categoryConnection{TotalCount: int32(len(all))}
	for i, c := range all {
		if after != nil && c.Name == *after {
			all = all[i+1:]
			break
		}
	}
	page.PageInfo.HasNextPage = len(all) > size
	for _, c := range all[:min(size, len(all))] {
		page.Edges = append(page.Edges, categoryEdge{Cursor: c.Name, Node: c})
	}
	return page, nil
}
