// SPDX-License-Identifier: MPL-2.0

package configs

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/hcl/pipeline"
	"github.com/muster-ci/muster/internal/config"
)

// compileTimeout is far more than the compiler's own limits allow a config to
// take; it is there for the config that shows a limit to be missing.
const compileTimeout = 10 * time.Second

// Compile implements core.Configs.
func (s *Service) Compile(ctx context.Context, request core.CompileRequest) (core.CompileResult, error) {
	start := time.Now()
	key, err := s.sourceKey(request)
	if err != nil {
		return core.CompileResult{}, err
	}
	if result, ok := s.remembered(ctx, key, request); ok {
		s.metrics.compile.WithLabelValues("remembered").Observe(time.Since(start).Seconds())
		return result, nil
	}
	leave, err := enter(ctx, s.compiling)
	if err != nil {
		return core.CompileResult{}, err
	}
	defer leave()
	start = time.Now()
	c, err := s.compile(ctx, request)
	if err != nil {
		s.metrics.compile.WithLabelValues("failed").Observe(time.Since(start).Seconds())
		return core.CompileResult{}, err
	}
	outcome := "compiled"
	if c.result.Plan == nil {
		outcome = "refused"
	}
	s.metrics.compile.WithLabelValues(outcome).Observe(time.Since(start).Seconds())
	if c.lasting {
		s.offer(key, c, request.Values)
	}
	return c.result, nil
}

// compiled is a result with the names of the pipeline values that it depends on.
type compiled struct {
	result core.CompileResult
	names  []string
	// lasting results follow from the request and the sources of its orbs, not
	// from a bug, a clock, or an orb that is not there yet.
	lasting bool
}

func (s *Service) compile(ctx context.Context, request core.CompileRequest) (compiled, error) {
	bounded, cancel := context.WithTimeout(ctx, compileTimeout)
	defer cancel()
	read := map[string]bool{}
	var broke error
	orbs := &asked{resolver: s.deps.Orbs}
	options := config.Options{
		MaxBytes: s.cfg.MaxConfigBytes,
		Read:     func(name string) { read[name] = true },
		Panicked: func(value any, stack []byte) { broke = fmt.Errorf("%v\n%s", value, stack) },
		Cache:    s.orbs,
	}
	if s.deps.Orbs != nil {
		options.Orbs = orbs
	}
	options.File = request.Path
	compile := config.Compile
	if pipeline.Handles(request.Path) {
		compile = pipeline.Compile
	}
	result, err := compile(bounded, request, options)
	if broke != nil {
		// The config gets its answer, since asking again cannot help; the
		// operator gets the reason.
		s.deps.Logger.Error("config compiler broke", "error", broke)
	}
	if err != nil {
		return compiled{}, &core.Error{Code: core.CodeUnavailable, Message: "the config's orbs cannot be fetched at present", Err: err}
	}
	if ctx.Err() != nil {
		return compiled{}, &core.Error{Code: core.CodeUnavailable, Message: "the compilation was stopped", Err: ctx.Err()}
	}
	return compiled{result: result, names: slices.Sorted(maps.Keys(read)), lasting: broke == nil && bounded.Err() == nil && !orbs.refused}, nil
}
