// SPDX-License-Identifier: MPL-2.0

package gateway

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics count what the gateway does. They work without a registry, too.
type metrics struct {
	requests *prometheus.HistogramVec
	streams  prometheus.Gauge
	limited  prometheus.Counter
}

func newMetrics(registry prometheus.Registerer) *metrics {
	m := &metrics{
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "muster_gateway_request_seconds", Help: "Time that requests took, streams and uploads not counted.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"method", "route", "status"}),
		streams: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "muster_gateway_streams", Help: "Event streams that are open.",
		}),
		limited: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "muster_gateway_limited_total", Help: "Requests refused by the rate limit.",
		}),
	}
	if registry != nil {
		registry.MustRegister(m.requests, m.streams, m.limited)
	}
	return m
}

func (m *metrics) observe(method, route, status string, took time.Duration) {
	m.requests.WithLabelValues(method, route, status).Observe(took.Seconds())
}
