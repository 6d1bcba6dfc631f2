// SPDX-License-Identifier: MPL-2.0

package configs

import (
	"context"
	"time"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/gitbundle"
	"github.com/muster-ci/muster/internal/source"
)

// Fetch implements core.Configs.
func (s *Service) Fetch(ctx context.Context, request core.FetchRequest) (core.FetchResult, error) {
	leave, err := enter(ctx, s.fetching)
	if err != nil {
		return core.FetchResult{}, err
	}
	defer leave()
	start := time.Now()
	result, err := source.Fetch(ctx, request, source.Options{
		AllowLocal: s.cfg.AllowLocalRepositories,
		Bundles:    s.deps.Bundles,
		MaxFile:    int64(s.cfg.MaxConfigBytes),
		Pack:       gitbundle.Limits{Bytes: s.cfg.MaxFetchBytes, TempDir: s.cfg.TempDir},
		Timeout:    duration(s.cfg.FetchTimeout),
	})
	outcome := "found"
	switch {
	case err != nil:
		outcome = "failed"
	case len(result.Errors) > 0:
		outcome = "refused"
	}
	s.metrics.fetch.WithLabelValues(outcome).Observe(time.Since(start).Seconds())
	return result, err
}
