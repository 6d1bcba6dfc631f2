// SPDX-License-Identifier: MPL-2.0

package results

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the service's own; those of its loops are internal/work's.
type metrics struct {
	read     prometheus.Histogram
	tests    *prometheus.CounterVec // by result
	problems prometheus.Counter
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		read: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "muster_results_read_seconds", Help: "Time to read and parse one upload of test results.",
			Buckets: []float64{.01, .05, .25, 1, 5, 15, 60, 300},
		}),
		tests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "muster_results_tests_total", Help: "Tests read, by result.",
		}, []string{"result"}),
		problems: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "muster_results_problems_total", Help: "Files of test results that could not be read, or not to their end.",
		}),
	}
	if r == nil {
		return m, nil
	}
	var errs []error
	m.read = register(r, m.read, &errs)
	m.tests = register(r, m.tests, &errs)
	m.problems = register(r, m.problems, &errs)
	return m, errors.Join(errs...)
}

// register returns the collector that counts: another service of the process
// may have registered its like before.
func register[C prometheus.Collector](r prometheus.Registerer, c C, errs *[]error) C {
	err := r.Register(c)
	var already prometheus.AlreadyRegisteredError
	if errors.As(err, &already) {
		if first, ok := already.ExistingCollector.(C); ok {
			return first
		}
	}
	if err != nil {
		*errs = append(*errs, err)
	}
	return c
}
