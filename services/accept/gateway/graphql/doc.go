// SPDX-License-Identifier: MPL-2.0

// Package graphql answers the GraphQL operations that CircleCI's command line
// (version line v0) sends for configs, orbs and namespaces.
//
// schema.graphql is the contract: names, arguments and types are those of the
// operations as they are sent, and whatever it does not have is answered with a
// GraphQL error. Queries read the registry of orbs (core.Orbs); mutations change
// it for administrators, and each leaves a line in the log. A mistake of the
// person who asks is part of the answer (`errors { message type }`), as in
// CircleCI; an error of GraphQL's own says that the question could not be
// answered.
//
// A request is bounded before it runs (length, depth, selections) and while it
// runs, by the number of calls to other services that it may cause.
package graphql
