// SPDX-License-Identifier: MPL-2.0

package configs

import "github.com/prometheus/client_golang/prometheus"

// metrics of the two things that the service does, by outcome.
type metrics struct {
	compile, fetch *prometheus.HistogramVec
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		compile: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "muster_configs_compile_seconds",
			Help:    "Time to compile a config, by outcome: compiled, refused (it has mistakes), remembered, failed.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 4, 8),
		}, []string{"outcome"}),
		fetch: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "muster_configs_fetch_seconds",
			Help:    "Time to read a config out of its repository, by outcome: found, refused (it is not there), failed.",
			Buckets: prometheus.ExponentialBuckets(0.005, 3, 9),
		}, []string{"outcome"}),
	}
	if reg == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.compile, m.fetch} {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}
