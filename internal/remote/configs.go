// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"context"

	"github.com/muster-ci/muster/core"
)

// Configs is a client of core.Configs.
type Configs struct{ caller *Caller }

// NewConfigs returns a client that calls through c.
func NewConfigs(c *Caller) *Configs { return &Configs{c} }

// Compile implements core.Configs.
func (r *Configs) Compile(ctx context.Context, request core.CompileRequest) (core.CompileResult, error) {
	return call[core.CompileResult](ctx, r.caller, "compile", request)
}

// Fetch implements core.Configs.
func (r *Configs) Fetch(ctx context.Context, request core.FetchRequest) (core.FetchResult, error) {
	return call[core.FetchResult](ctx, r.caller, "fetch", request)
}
