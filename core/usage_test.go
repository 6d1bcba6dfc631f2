// SPDX-License-Identifier: MPL-2.0

package core_test

import (
	"strings"
	"testing"
	"time"

	"github.com/muster-ci/muster/core"
)

func TestHintsOnClasses(t *testing.T) {
	t.Parallel()
	used := func(minutes int, averageCPU, peakCPU, peakMemory float64) core.ResourceUsage {
		return core.ResourceUsage{
			Class: core.UsageLimit{Name: "large", Cores: 4, Memory: 1000}, Interval: time.Minute, Samples: minutes,
			CPU: core.UsageStats{Average: averageCPU, Peak: peakCPU}, Memory: core.UsageStats{Peak: peakMemory},
		}
	}
	unknown := used(5, 0, 0, 0)
	unknown.Class = core.UsageLimit{}
	for name, c := range map[string]struct {
		used []core.ResourceUsage
		want string
	}{
		"nothing":              {nil, ""},
		"fits":                 {[]core.ResourceUsage{used(5, 2, 4, 500)}, ""},
		"too short":            {[]core.ResourceUsage{used(0, 0, 0, 0)}, ""},
		"no class":             {[]core.ResourceUsage{unknown}, ""},
		"memory is scant":      {[]core.ResourceUsage{used(5, 0, 0, 1), used(5, 0, 0, 950)}, "95% of the memory of large was used: a larger"},
		"CPU is scant":         {[]core.ResourceUsage{used(5, 3.8, 4, 500)}, "the CPU of large was busy all the time (95% on average)"},
		"far too large":        {[]core.ResourceUsage{used(5, 0.5, 1, 100), used(5, 0.5, 1.2, 50)}, "never more than 30% of the CPU and 10% of the memory of large was used: a smaller"},
		"one of them needs it": {[]core.ResourceUsage{used(5, 0.5, 1, 100), used(5, 0.5, 4, 100)}, ""},
	} {
		if got := core.UsageHint(c.used); !strings.HasPrefix(got, c.want) || (c.want == "") != (got == "") {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}
