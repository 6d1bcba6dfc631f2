// SPDX-License-Identifier: MPL-2.0

package placements

import "github.com/prometheus/client_golang/prometheus"

// metrics are placements' own; those of its loops are internal/work's.
type metrics struct {
	failures *prometheus.CounterVec
	orphans  prometheus.Counter
}

// newMetrics registers with r, unless that is nil.
func newMetrics(r prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "muster_placements_ended_without_agent_total", Help: "Attempts that ended without their agent's word, by status and kind of failure.",
		}, []string{"status", "kind"}),
		orphans: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "muster_placements_orphans_total", Help: "Runs on the cluster that no attempt knew and that were stopped.",
		}),
	}
	if r == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.failures, m.orphans} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}
