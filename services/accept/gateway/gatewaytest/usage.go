// SPDX-License-Identifier: MPL-2.0

package gatewaytest

import (
	"context"

	"github.com/muster-ci/muster/core"
)

// TaskUsage implements core.ResourceUsages: every attempt used what Usage says.
func (p *Platform) TaskUsage(_ context.Context, q core.UsageQuery) ([]core.ResourceUsage, error) {
	defer p.lock("TaskUsage")()
	all := []core.ResourceUsage{}
	for _, id := range q.Tasks {
		for _, a := range p.attempts {
			if a.Task == id && p.Usage != nil {
				u := *p.Usage
				u.Task, u.Attempt, u.Number = id, a.Attempt, a.Number
				if !q.Series {
					u.Series = nil
				}
				all = append(all, u)
			}
		}
	}
	return all, p.check("TaskUsage")
}
