// SPDX-License-Identifier: MPL-2.0

package graphql

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/api"
)

// configResult is a ConfigResult of the schema.
type configResult struct {
	Valid      bool
	SourceYaml string
	OutputYaml string
	Errors     []failure
}

func newConfigResult(source string, compiled api.CompileResult, err error) (*configResult, error) {
	if err != nil {
		failures, err := answered(err)
		return &configResult{SourceYaml: source, Errors: failures}, err
	}
	return &configResult{Valid: compiled.Valid, SourceYaml: source, OutputYaml: compiled.OutputYAML, Errors: mistakes(compiled.Errors)}, nil
}

// OrbConfig resolves orbConfig(orbYaml, ownerId).
func (r *root) OrbConfig(ctx context.Context, args struct {
	OrbYaml string
	OwnerID *uuid
}) (*configResult, error) {
	if err := spend(ctx); err != nil {
		return nil, err
	}
	var owner core.OrganizationID
	if args.OwnerID != nil {
		owner = core.OrganizationID(*args.OwnerID)
	}
	compiled, err := r.deps.Compiler.CompileOrb(ctx, args.OrbYaml, owner)
	return newConfigResult(args.OrbYaml, compiled, err)
}

// keyVal is a StringKeyVal of the schema.
type keyVal struct {
	Key string
	Val *anything
}

// BuildConfig resolves buildConfig(...), which older versions of the command
// line send in place of POST /compile-config-with-defaults.
func (r *root) BuildConfig(ctx context.Context, args struct {
	ConfigYaml             string
	PipelineValues         *[]keyVal
	PipelineParametersJSON *string
	Next                   *bool
	OrgID                  *uuid
	OrgSlug                *string
}) (*configResult, error) {
	if err := spend(ctx); err != nil {
		return nil, err
	}
	in := api.CompileRequest{ConfigYAML: args.ConfigYaml}
	if args.PipelineValues != nil {
		in.Options.PipelineValues = make(map[string]any, len(*args.PipelineValues))
		for _, pair := range *args.PipelineValues {
			if pair.Val != nil {
				in.Options.PipelineValues[pair.Key] = pair.Val.value
			}
		}
	}
	if text := args.PipelineParametersJSON; text != nil && *text != "" {
		if err := json.Unmarshal([]byte(*text), &in.Options.PipelineParameters); err != nil {
			return newConfigResult(args.ConfigYaml, api.CompileResult{}, core.Errorf(core.CodeInvalid, "pipelineParametersJson is no JSON object: %s", err))
		}
	}
	owner, err := r.ownerOf(ctx, args.OrgID, args.OrgSlug)
	if err != nil {
		return newConfigResult(args.ConfigYaml, api.CompileResult{}, err)
	}
	in.Options.OwnerID = owner
	compiled, err := r.deps.Compiler.CompileConfig(ctx, in)
	return newConfigResult(args.ConfigYaml, compiled, err)
}

// ownerOf is the id of the organization whose private orbs count. A slug may
// have the long name of the forge.
func (a *API) ownerOf(ctx context.Context, id *uuid, slug *string) (string, error) {
	if id != nil || slug == nil || *slug == "" {
		if id == nil {
			return "", nil
		}
		return string(*id), nil
	}
	vcs, name, _ := strings.Cut(*slug, "/")
	short, known := map[string]string{"github": "gh", "bitbucket": "bb"}[vcs]
	if !known {
		short = vcs
	}
	found, err := a.organizationWhere(ctx, func(o core.Organization) bool { return o.VCS == short && o.Name == name })
	if err != nil {
		return "", err
	}
	if found == nil {
		return "", core.Errorf(core.CodeNotFound, "There is no organization %q; write it as vcs/organization, for example gh/acme.", *slug)
	}
	return string(found.ID), nil
}
