// SPDX-License-Identifier: MPL-2.0

package api

// Message is the body of every error, and of an answer that has nothing to
// show but that it was done.
type Message struct {
	Message string `json:"message"`
}

// Accepted is what CircleCI answers to a request that will be carried out.
const Accepted = "Accepted."

// List is a page of T. NextPageToken goes into the query parameter page-token
// of the next request; null means that this was the last page.
type List[T any] struct {
	Items         []T     `json:"items"`
	NextPageToken *string `json:"next_page_token"`
}

// NewList makes a page; nil items become an empty list, next "" becomes null.
func NewList[T any](items []T, next string) List[T] {
	list := List[T]{Items: items}
	if list.Items == nil {
		list.Items = []T{}
	}
	if next != "" {
		list.NextPageToken = &next
	}
	return list
}
