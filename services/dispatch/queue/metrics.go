// SPDX-License-Identifier: MPL-2.0

package queue

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the queue's own; those of its loops are internal/work's.
type metrics struct {
	released *prometheus.CounterVec
	wait     *prometheus.HistogramVec
	census   func(context.Context) ([]count, error)
	waiting  *prometheus.Desc
	inFlight *prometheus.Desc
	running  *prometheus.Desc
}

// count is how many tasks of a pool and an organization are in a state.
type count struct {
	Pool         string
	Organization string
	State        string
	Tasks        int
}

// newMetrics registers with r, unless that is nil. The gauges are counted when
// they are scraped: kept ones would be wrong as soon as there are two
// instances.
func newMetrics(r prometheus.Registerer, census func(context.Context) ([]count, error)) (*metrics, error) {
	labels := []string{"pool", "organization"}
	m := &metrics{
		census: census,
		released: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "muster_queue_released_total", Help: "Attempts released to placements.",
		}, []string{"pool"}),
		wait: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "muster_queue_wait_seconds", Help: "From the time a task could run to its release.",
			Buckets: []float64{.01, .05, .25, 1, 5, 15, 60, 300, 900, 3600},
		}, []string{"pool"}),
		waiting:  prometheus.NewDesc("muster_queue_waiting_tasks", "Tasks that wait for their release.", labels, nil),
		inFlight: prometheus.NewDesc("muster_queue_in_flight_attempts", "Attempts released and not running yet.", labels, nil),
		running:  prometheus.NewDesc("muster_queue_running_tasks", "Tasks that run.", labels, nil),
	}
	if r == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.released, m.wait, m} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// Describe implements prometheus.Collector.
func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	ch <- m.waiting
	ch <- m.inFlight
	ch <- m.running
}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	counts, err := m.census(ctx)
	if err != nil {
		ch <- prometheus.NewInvalidMetric(m.waiting, err)
		return
	}
	descs := map[string]*prometheus.Desc{stateWaiting: m.waiting, statePlaced: m.inFlight, stateRunning: m.running}
	for _, c := range counts {
		ch <- prometheus.MustNewConstMetric(descs[c.State], prometheus.GaugeValue, float64(c.Tasks), c.Pool, c.Organization)
	}
}
