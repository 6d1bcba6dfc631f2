// SPDX-License-Identifier: MPL-2.0

package workflows

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/muster-ci/muster/core"
)

// metrics count what passes through the state machine.
type metrics struct {
	jobs      *prometheus.CounterVec
	workflows *prometheus.CounterVec
	reports   prometheus.Counter
}

func newMetrics(registry prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		jobs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "muster_workflows_jobs_total", Help: "Changes of job status, by the new one.",
		}, []string{"status"}),
		workflows: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "muster_workflows_ended_total", Help: "Workflows that have ended, by status.",
		}, []string{"status"}),
		reports: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "muster_workflows_reports_total", Help: "Task reports taken, also those that were no news.",
		}),
	}
	if registry == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.jobs, m.workflows, m.reports} {
		if err := registry.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// count takes in a board after its commit.
func (m *metrics) count(b *board) {
	byStatus := map[core.JobStatus]int{}
	for _, j := range b.changedJobs.list {
		byStatus[j.Status]++
	}
	for status, n := range byStatus {
		m.jobs.WithLabelValues(string(status)).Add(float64(n))
	}
	for _, w := range b.workflows {
		if w.StoppedAt == b.now {
			m.workflows.WithLabelValues(string(w.Status)).Inc()
		}
	}
}
