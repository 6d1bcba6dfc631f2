// SPDX-License-Identifier: MPL-2.0

package check

import (
	"context"
	"maps"
	"strings"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/hcl/pipeline"
	"github.com/muster-ci/muster/internal/config"
)

// Registry answers for the orbs of a platform; version may be any that a config
// writes.
type Registry interface {
	OrbSource(ctx context.Context, namespace, orb, version string) (core.ResolvedOrb, error)
}

// Request is a config to compile.
type Request struct {
	Path       string // tells the language, and is shown in mistakes
	Text       string
	Parameters map[string]any
	// Values are added to those of a compilation outside of a pipeline.
	Values core.PipelineValues
	// Registry may be nil: each reference to an orb is then a mistake whose
	// suggestion begins with NoRegistry.
	Registry Registry
	// Cache keeps orbs between compilations; may be nil.
	Cache *config.OrbCache
}

// NoRegistry begins the suggestion for an orb that nobody could be asked for.
const NoRegistry = "No registry of orbs can be asked"

// Compile turns a config into a plan or its mistakes. The error is not about
// the config: the registry could not answer.
func Compile(ctx context.Context, r Request) (core.CompileResult, error) {
	values := config.OutsideValues()
	maps.Copy(values, r.Values)
	request := core.CompileRequest{Config: r.Text, Path: r.Path, Parameters: r.Parameters, Values: values}
	options := config.Options{File: r.Path, Orbs: resolver{r.Registry}, Cache: r.Cache}
	if pipeline.Handles(r.Path) {
		return pipeline.Compile(ctx, request, options)
	}
	return config.Compile(ctx, request, options)
}

type resolver struct{ registry Registry }

// ResolveOrb answers a reference by the registry.
func (r resolver) ResolveOrb(ctx context.Context, request core.ResolveOrbRequest) (core.ResolvedOrb, error) {
	if strings.Contains(request.Ref, "://") {
		return core.ResolvedOrb{}, core.Errorf(core.CodeInvalid, "%s: %s is at a URL, which only the server may fetch", NoRegistry, request.Ref)
	}
	if r.registry == nil {
		return core.ResolvedOrb{}, core.Errorf(core.CodeInvalid, "%s for %s: log in with `muster login <address>`, or set MUSTER_HOST and MUSTER_TOKEN", NoRegistry, request.Ref)
	}
	name, version, _ := strings.Cut(request.Ref, "@")
	namespace, orb, _ := strings.Cut(name, "/")
	resolved, err := r.registry.OrbSource(ctx, namespace, orb, version)
	if err != nil {
		return core.ResolvedOrb{}, err
	}
	resolved.Ref = request.Ref
	return resolved, nil
}
