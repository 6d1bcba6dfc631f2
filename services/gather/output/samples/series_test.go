// SPDX-License-Identifier: MPL-2.0

package samples

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/wire"
)

// TestALongSeriesStaysBounded: the sums stay exact, the points stand for more
// time each, and nothing is lost at the end.
func TestALongSeriesStaysBounded(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, MaxPoints, MaxPoints + 1, 2*MaxPoints + 3, 10_001} {
		var s Series
		sum, peak := 0.0, 0.0
		for i := range n {
			cpu := float64(i % 7)
			sum, peak = sum+cpu, max(peak, cpu)
			s.Add(wire.Usage{Interval: 5 * time.Second, CPU: []float64{cpu}, Memory: []int64{int64(i)}, Disk: []int64{1}, NetworkIn: int64(i)})
		}
		u := s.Usage(true)
		if len(u.Series.CPU) > MaxPoints || u.Samples != len(u.Series.CPU) || len(u.Series.Memory) != u.Samples {
			t.Errorf("%d samples: %d points", n, len(u.Series.CPU))
		}
		if n == 0 {
			continue
		}
		whole := time.Duration(n) * 5 * time.Second
		if covered := time.Duration(u.Samples) * u.Interval; covered < whole || covered >= whole+u.Interval {
			t.Errorf("%d samples: the points cover %s, want %s", n, covered, whole)
		}
		if math.Abs(u.CPU.Average-sum/float64(n)) > 1e-9 || u.CPU.Peak != peak || u.Memory.Peak != float64(n-1) || u.NetworkIn != int64(n-1) {
			t.Errorf("%d samples: got %+v", n, u)
		}
		if last := u.Series.Memory[u.Samples-1]; last != int64(n-1) {
			t.Errorf("%d samples: the last point has %d, want %d", n, last, n-1)
		}
		weighted := 0.0
		for i, p := range s.Points {
			weight := s.Fold
			if i == len(s.Points)-1 && s.Partial > 0 {
				weight = s.Partial
			}
			weighted += p.CPU * float64(weight)
		}
		if math.Abs(weighted-sum) > 1e-6*max(1, sum) {
			t.Errorf("%d samples: the points add up to %f, want %f", n, weighted, sum)
		}
	}
}

// TestNonsenseIsBounded: an agent is not believed more than it can have.
func TestNonsenseIsBounded(t *testing.T) {
	t.Parallel()
	var s Series
	s.Add(wire.Usage{Interval: -1, CPU: []float64{math.NaN(), math.Inf(1), -3, 1}, Memory: []int64{-5, math.MaxInt64, 3}, Disk: []int64{1, 2, 3, 4},
		NetworkIn: -7, Class: core.UsageLimit{Name: string(make([]byte, 1000)), Cores: math.NaN(), Memory: -1}})
	s.Add(wire.Usage{Interval: time.Minute, CPU: make([]float64, 10_000), Memory: make([]int64, 10_000), Disk: make([]int64, 10_000)})
	u := s.Usage(true)
	want := core.UsageLimit{}
	if diff := cmp.Diff(want, u.Class); diff != "" {
		t.Errorf("class (-want +got):\n%s", diff)
	}
	if u.Interval != time.Second || s.Count != 3+wire.MaxSamples || u.NetworkIn != 0 || u.CPU.Peak != maxCores || u.Series.Memory[0] != 0 {
		t.Errorf("got %+v, %d samples", u, s.Count)
	}
}
