// SPDX-License-Identifier: MPL-2.0

package work

import (
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics of one loop.
type metrics struct {
	claimed, done, failed, lost prometheus.Counter
	setAside, behind            prometheus.Gauge
	seconds                     prometheus.Observer
}

// newMetrics registers the collectors, or takes those that another loop of the
// process has registered: they are one each, labelled by loop.
func newMetrics(reg prometheus.Registerer, loop string) (*metrics, error) {
	if reg == nil {
		reg = prometheus.NewRegistry()
	}
	var errs []error
	counter := func(name, help string) prometheus.Counter {
		c, err := register(reg, prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{"loop"}))
		if err != nil {
			errs = append(errs, err)
			return nil
		}
		return c.WithLabelValues(loop)
	}
	gauge := func(name, help string) prometheus.Gauge {
		g, err := register(reg, prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, []string{"loop"}))
		if err != nil {
			errs = append(errs, err)
			return nil
		}
		return g.WithLabelValues(loop)
	}
	m := &metrics{
		claimed:  counter("muster_work_claimed_total", "Rows claimed by this process."),
		done:     counter("muster_work_done_total", "Rows handled well."),
		failed:   counter("muster_work_failed_total", "Failures of rows, including those because something was away."),
		lost:     counter("muster_work_lost_total", "Results dropped because the row's lease was lost."),
		setAside: gauge("muster_work_set_aside", "Rows set aside after too many failures; they wait for a person."),
		behind:   gauge("muster_work_behind_seconds", "For how long the oldest due row has waited."),
	}
	h, err := register(reg, prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "muster_work_handle_seconds", Help: "How long a handler took for a batch.",
		Buckets: prometheus.ExponentialBuckets(0.001, 4, 9),
	}, []string{"loop"}))
	if err != nil {
		errs = append(errs, err)
	} else {
		m.seconds = h.WithLabelValues(loop)
	}
	return m, errors.Join(errs...)
}

func register[C prometheus.Collector](reg prometheus.Registerer, c C) (C, error) {
	err := reg.Register(c)
	var twice prometheus.AlreadyRegisteredError
	if errors.As(err, &twice) {
		if existing, ok := twice.ExistingCollector.(C); ok {
			return existing, nil
		}
	}
	if err != nil {
		return c, fmt.Errorf("registering metrics of work: %w", err)
	}
	return c, nil
}

// count tells of a recorded batch.
func (m *metrics) count(results []Result, lost int) {
	for _, r := range results {
		switch r.kind {
		case kindDone, kindDelete, kindAgain:
			m.done.Inc()
		case kindFail, kindNone:
			m.failed.Inc()
		}
	}
	m.lost.Add(float64(lost))
}

func (m *metrics) observe(o outlook) {
	m.setAside.Set(float64(o.SetAside))
	behind := 0.0
	if o.due() {
		behind = o.observedAt.Sub(o.NextDue.Time()).Seconds()
	}
	m.behind.Set(behind)
}
