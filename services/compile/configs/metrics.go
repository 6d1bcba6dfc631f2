// SPDX-License-Identifier: MPL-2.0

package configs

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics of the two things that the service does, by outcome.
type metrics struct {
	compile, fetch *prometheus.HistogramVec
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	if reg == nil {
		reg = prometheus.NewRegistry()
	}
	compile, err := register(reg, prometheus.HistogramOpts{
		Name:    "muster_configs_compile_seconds",
		Help:    "Time to compile a config, by outcome: compiled, refused (it has mistakes), remembered, failed.",
		Buckets: prometheus.ExponentialBuckets(0.0001, 4, 8),
	})
	if err != nil {
		return nil, err
	}
	fetch, err := register(reg, prometheus.HistogramOpts{
		Name:    "muster_configs_fetch_seconds",
		Help:    "Time to read a config out of its repository, by outcome: found, refused (it is not there), failed.",
		Buckets: prometheus.ExponentialBuckets(0.005, 3, 9),
	})
	if err != nil {
		return nil, err
	}
	return &metrics{compile: compile, fetch: fetch}, nil
}

// register makes a histogram by outcome. A second service in one process (a
// restart, a test) goes on with the first's.
func register(reg prometheus.Registerer, opts prometheus.HistogramOpts) (*prometheus.HistogramVec, error) {
	h := prometheus.NewHistogramVec(opts, []string{"outcome"})
	err := reg.Register(h)
	var already prometheus.AlreadyRegisteredError
	if errors.As(err, &already) {
		if first, ok := already.ExistingCollector.(*prometheus.HistogramVec); ok {
			return first, nil
		}
	}
	return h, err
}
