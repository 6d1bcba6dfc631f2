// SPDX-License-Identifier: MPL-2.0

package scenario

import "testing"

// checkUsage compares what jobs used at their peaks with the bounds.
func (p *Platform) checkUsage(t *testing.T, end State, want map[string]Usage) {
	t.Helper()
	if len(want) == 0 {
		return
	}
	seen := 0
	for _, w := range end.Workflows {
		used, err := p.Client.WorkflowUsage(t.Context(), w.ID)
		if err != nil {
			t.Fatalf("asking for what %s used: %v", w.Name, err)
		}
		for _, job := range used {
			bounds, ok := want[job.Name]
			if !ok {
				continue
			}
			seen++
			t.Logf("%s used %.2f cores and %.0f MB at the most", job.Name, job.CPU.Peak, job.Memory.Peak/1e6)
			if cores := job.CPU.Peak; cores < bounds.Cores[0] || cores > bounds.Cores[1] {
				t.Errorf("%s used %.2f cores at the most, want %v", job.Name, cores, bounds.Cores)
			}
			if mb := job.Memory.Peak / 1e6; mb < bounds.Megabytes[0] || mb > bounds.Megabytes[1] {
				t.Errorf("%s used %.0f MB at the most, want %v", job.Name, mb, bounds.Megabytes)
			}
		}
	}
	if seen != len(want) {
		t.Errorf("figures of %d jobs are known, want %d", seen, len(want))
	}
}
