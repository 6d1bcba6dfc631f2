// SPDX-License-Identifier: MPL-2.0

package stream_test

import (
	"io"
	"slices"
	"strings"
	"testing"
	"time"
)

// BenchmarkLineLatency writes 1,000 lines a second for a second and reports
// how long a line takes to be in the server's hands.
func BenchmarkLineLatency(b *testing.B) {
	const lines = 1000
	for b.Loop() {
		f := setup(b, 1<<20)
		sent := make(chan error, 1)
		go func() { sent <- f.sender.Run(f.ctx) }()
		var written [lines]time.Time
		go func() {
			w := f.recorder.Step(0)
			tick := time.NewTicker(time.Millisecond)
			defer tick.Stop()
			for i := range lines {
				<-tick.C
				written[i] = time.Now()
				io.WriteString(w, "line\n")
			}
			f.spool.Finish()
		}()
		var latencies []time.Duration
		err := f.server.Wait(f.ctx, func() bool {
			seen, now := strings.Count(f.server.Output(0), "\n"), time.Now()
			for _, at := range written[len(latencies):seen] {
				latencies = append(latencies, now.Sub(at))
			}
			return seen == lines
		})
		if err != nil {
			b.Fatal(err)
		}
		if err := <-sent; err != nil {
			b.Fatal(err)
		}
		slices.Sort(latencies)
		b.ReportMetric(float64(latencies[lines/2].Microseconds())/1000, "p50-ms")
		b.ReportMetric(float64(latencies[lines*99/100].Microseconds())/1000, "p99-ms")
	}
}
