// SPDX-License-Identifier: MPL-2.0

package output

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	received  prometheus.Counter
	dropped   prometheus.Counter
	ack       prometheus.Histogram
	batch     prometheus.Histogram
	readers   prometheus.Gauge
	sealed    prometheus.Counter
	compacted prometheus.Counter
	limited   prometheus.Counter
}

// newMetrics makes the collectors and registers them; a nil registerer leaves
// them unregistered.
func newMetrics(r prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		received:  counter("received_bytes_total", "Bytes of output and events that became durable."),
		dropped:   counter("dropped_bytes_total", "Bytes over a limit, acknowledged and not kept."),
		sealed:    counter("sealed_bytes_total", "Bytes of output moved to the object store, before compression."),
		compacted: counter("sealed_object_bytes_total", "Bytes of output moved to the object store, as stored."),
		limited:   counter("limited_total", "Requests of readers refused by the rate limit."),
		readers:   prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "muster", Subsystem: "output", Name: "readers", Help: "Readers of output that are connected."}),
		ack: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: "muster", Subsystem: "output", Name: "ack_seconds", Help: "Time from the last byte of frames to their durable acknowledgement.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14),
		}),
		batch: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: "muster", Subsystem: "output", Name: "commit_requests", Help: "Requests of agents that shared one transaction.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 9),
		}),
	}
	if r == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.received, m.dropped, m.ack, m.batch, m.readers, m.sealed, m.compacted, m.limited} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func counter(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "muster", Subsystem: "output", Name: name, Help: help})
}
