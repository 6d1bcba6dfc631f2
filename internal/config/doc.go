// SPDX-License-Identifier: MPL-2.0

// Package config is CircleCI's config language: it turns a config file into a
// plan, or into all the mistakes that rule one out.
//
// Compile runs plain stages over one document; each is a file or a few:
//
//	parse    text -> document          internal/config/document
//	select   document -> definitions   select.go, module.go, parameter.go, argument.go
//	orbs     references -> modules     orbs.go, reference.go, orb_source.go, orb_cache.go
//	check    shapes, types, names      read.go, keys.go, surroundings.go, step.go
//	expand   calls -> jobs             expand.go, tag.go, scope.go, template.go, call.go, logic.go, value.go
//	flow     workflows -> jobs         workflow.go, invocation.go, matrix.go, group.go, context.go, schedule.go, setup.go
//	order    names, requires, filters  naming.go, requires.go, order.go, filter.go
//	emit     plan and processed config emit*.go
//
// A stage goes on after a mistake as far as makes sense, so that a person sees
// all of them at once. No stage does I/O but asking the given resolver for
// orbs, reads a clock or keeps state between calls: the same request and the
// same orbs give the same result, from any goroutine. What is kept is a cache of
// orbs that are parsed and checked, by digest, when the caller gives one.
//
// What the language has and this package has not learnt yet is an error that
// says so, with its place; it is never left out in silence.
package config
