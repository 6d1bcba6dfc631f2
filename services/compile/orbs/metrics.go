// SPDX-License-Identifier: MPL-2.0

package orbs

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/muster-ci/muster/core"
)

// metrics of resolving, publishing and fetching.
type metrics struct {
	resolve   *prometheus.HistogramVec // by kind and outcome
	fetch     *prometheus.HistogramVec // by outcome
	published *prometheus.CounterVec   // by kind
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	if reg == nil {
		reg = prometheus.NewRegistry()
	}
	m := &metrics{
		resolve: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "muster_orbs_resolve_seconds",
			Help:    "Time to answer a reference, by kind (registry, url) and outcome (found, missing, failed).",
			Buckets: prometheus.ExponentialBuckets(0.0001, 4, 8),
		}, []string{"kind", "outcome"}),
		fetch: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "muster_orbs_fetch_seconds",
			Help:    "Time to fetch a URL orb, by outcome (fetched, refused, failed).",
			Buckets: prometheus.ExponentialBuckets(0.005, 3, 9),
		}, []string{"outcome"}),
		published: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "muster_orbs_published_total", Help: "Published versions, by kind (release, dev).",
		}, []string{"kind"}),
	}
	var err error
	if m.resolve, err = registered(reg, m.resolve); err != nil {
		return nil, err
	}
	if m.fetch, err = registered(reg, m.fetch); err != nil {
		return nil, err
	}
	m.published, err = registered(reg, m.published)
	return m, err
}

// registered registers a collector. A second service in one process (a restart,
// a test) goes on with the first's.
func registered[C prometheus.Collector](reg prometheus.Registerer, c C) (C, error) {
	err := reg.Register(c)
	var already prometheus.AlreadyRegisteredError
	if errors.As(err, &already) {
		if first, ok := already.ExistingCollector.(C); ok {
			return first, nil
		}
	}
	return c, err
}

// outcomeOf names an error for a metric.
func outcomeOf(err error) string {
	switch core.ErrorCode(err) {
	case "":
		return "found"
	case core.CodeUnavailable, core.CodeInternal:
		return "failed"
	default:
		return "missing"
	}
}
