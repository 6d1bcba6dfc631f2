// SPDX-License-Identifier: MPL-2.0

package circleci

import (
	"cmp"
	"container/heap"
	"slices"
)

// deal returns the names of one node of a split in which each node gets every
// total-th name.
func deal(names []string, index, total int) []string {
	var own []string
	for i := index; i < len(names); i += total {
		own = append(own, names[i])
	}
	return own
}

// balance returns the names of one node of a split by weights, in the order of
// names. The heaviest goes first, each to the node that has least so far; that
// is at most a third longer than the best split there is (Graham 1969). Equal
// weights and equal nodes are told apart by their place, so every node comes to
// the same split.
func balance(names []string, weights []float64, index, total int) []string {
	order := make([]int, len(names))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(weights[b], weights[a]), cmp.Compare(a, b))
	})
	nodes := make(nodeHeap, total)
	for i := range nodes {
		nodes[i].index = i
	}
	mine := make([]bool, len(names))
	for _, i := range order {
		mine[i] = nodes[0].index == index
		nodes[0].load += weights[i]
		nodes[0].tests++
		heap.Fix(&nodes, 0)
	}
	var own []string
	for i, name := range names {
		if mine[i] {
			own = append(own, name)
		}
	}
	return own
}

// node is what a node has so far.
type node struct {
	index, tests int
	load         float64
}

// nodeHeap has the node with the least load on top; among equal ones that with
// the fewest tests, so that tests without a weight are spread as well.
type nodeHeap []node

// Len is part of heap.Interface.
func (h nodeHeap) Len() int { return len(h) }

// Less is part of heap.Interface.
func (h nodeHeap) Less(i, j int) bool {
	a, b := h[i], h[j]
	return cmp.Or(cmp.Compare(a.load, b.load), cmp.Compare(a.tests, b.tests), cmp.Compare(a.index, b.index)) < 0
}

// Swap is part of heap.Interface.
func (h nodeHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

// Push is part of heap.Interface; the number of nodes never changes.
func (h nodeHeap) Push(any) {}

// Pop is part of heap.Interface; the number of nodes never changes.
func (h nodeHeap) Pop() any { return nil }
