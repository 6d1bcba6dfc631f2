// SPDX-License-Identifier: MPL-2.0

package archive

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	committed *prometheus.CounterVec
	bytes     *prometheus.CounterVec
	removed   *prometheus.CounterVec
	found     *prometheus.CounterVec
}

// newMetrics makes the collectors and registers them; a nil registerer leaves
// them unregistered.
func newMetrics(r prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		committed: counter("committed_total", "Archives that were committed.", "kind"),
		bytes:     counter("committed_bytes_total", "Bytes of committed archives, as stored.", "kind"),
		removed:   counter("removed_total", "Archives removed: expired, cleared, or never committed.", "kind"),
		found:     counter("cache_searches_total", "Searches for a cache, by what they found.", "result"),
	}
	if r == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.committed, m.bytes, m.removed, m.found} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func counter(name, help, label string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "muster", Subsystem: "archives", Name: name, Help: help}, []string{label})
}
