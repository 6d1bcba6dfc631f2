// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/api"
	"github.com/muster-ci/muster/internal/check"
	"github.com/muster-ci/muster/internal/client"
)

// compile has a config compiled, by the server or here.
func (o *options) compile(ctx context.Context, c *compilation, path, text string) (api.CompileResult, error) {
	parameters, err := parseParameters(c.pairs)
	if err != nil {
		return api.CompileResult{}, err
	}
	name := filepath.ToSlash(path)
	if path == "-" {
		name = ""
	}
	s, err := o.connect()
	if c.local || errors.Is(err, errNoInstallation) {
		result, err := check.Compile(ctx, check.Request{Path: name, Text: text, Parameters: parameters, Registry: o.registry()})
		if err != nil {
			return api.CompileResult{}, err
		}
		return api.CompileResult{
			Valid: len(result.Errors) == 0, SourceYAML: text, OutputYAML: result.Processed,
			Errors: api.ConfigErrors(result.Errors), Warnings: api.ConfigErrors(result.Warnings),
		}, nil
	}
	if err != nil {
		return api.CompileResult{}, err
	}
	return s.Compile(ctx, api.CompileRequest{ConfigYAML: text, Options: api.CompileOptions{PipelineParameters: parameters, Path: name}})
}

// registry is that of the installation, nil when none is known.
func (o *options) registry() check.Registry {
	s, err := o.connect()
	if err != nil {
		return nil
	}
	return registry{s.Client}
}

type registry struct{ client *client.Client }

// OrbSource returns the version of an orb that a config's reference means now.
func (r registry) OrbSource(ctx context.Context, namespace, orb, version string) (core.ResolvedOrb, error) {
	v, err := r.client.OrbVersion(ctx, namespace, orb, version)
	var refused *client.Error
	if errors.As(err, &refused) {
		// These the compiler shows at the reference; others mean no answer.
		switch refused.Status {
		case http.StatusNotFound:
			err = core.Errorf(core.CodeNotFound, "%s", refused.Message)
		case http.StatusForbidden:
			err = core.Errorf(core.CodeForbidden, "%s", refused.Message)
		case http.StatusBadRequest:
			err = core.Errorf(core.CodeInvalid, "%s", refused.Message)
		}
	}
	if err != nil {
		return core.ResolvedOrb{}, err
	}
	return core.ResolvedOrb{LockedOrb: core.LockedOrb{Version: v.Version, Digest: v.Digest}, Source: v.Source}, nil
}
