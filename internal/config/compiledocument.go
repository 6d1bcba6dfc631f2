// SPDX-License-Identifier: MPL-2.0

package config

import (
	"context"
	"slices"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/config/document"
)

// CompileDocument compiles a config that is not written in YAML: read makes the
// document, in which nothing is left to substitute, or says why it cannot.
// Request.Config is the text that people see, into which the places of nodes
// point.
func CompileDocument(ctx context.Context, request core.CompileRequest, options Options, read func() (*document.Node, []core.ConfigError)) (core.CompileResult, error) {
	return compileWith(ctx, request, options, func(c *compiler) core.CompileResult {
		root, errors := read()
		if root == nil || len(errors) > 0 {
			return core.CompileResult{Errors: errors}
		}
		return c.compileRoot(root)
	})
}

// PipelineNames returns the names of the pipeline values that exist whether a
// trigger gives them or not.
func PipelineNames() []string { return slices.Clone(valueNames) }

// Suggest names the candidate that a person may have meant, "" when none is
// near.
func Suggest(word string, candidates []string) string { return suggest(word, candidates) }
