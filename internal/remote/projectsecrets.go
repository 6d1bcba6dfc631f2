// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"context"

	"github.com/muster-ci/muster/core"
)

// ProjectSecrets is a client of core.ProjectSecrets.
type ProjectSecrets struct{ caller *Caller }

// NewProjectSecrets returns a client that calls through c.
func NewProjectSecrets(c *Caller) *ProjectSecrets { return &ProjectSecrets{c} }

// SetVariable implements core.ProjectSecrets.
func (r *ProjectSecrets) SetVariable(ctx context.Context, v core.ProjectVariable) error {
	return act(ctx, r.caller, "set-variable", v)
}

// DeleteVariable implements core.ProjectSecrets.
func (r *ProjectSecrets) DeleteVariable(ctx context.Context, v core.ProjectVariable) error {
	return act(ctx, r.caller, "delete-variable", v)
}

// ListVariables implements core.ProjectSecrets.
func (r *ProjectSecrets) ListVariables(ctx context.Context, id core.ProjectID) ([]core.ProjectVariable, error) {
	return call[[]core.ProjectVariable](ctx, r.caller, "list-variables", id)
}

// RevealVariables implements core.ProjectSecrets.
func (r *ProjectSecrets) RevealVariables(ctx context.Context, id core.ProjectID) ([]core.ProjectVariable, error) {
	return call[[]core.ProjectVariable](ctx, r.caller, "reveal-variables", id)
}
