// SPDX-License-Identifier: MPL-2.0

package gatewaytest

import (
	"context"
	"strconv"

	"github.com/muster-ci/muster/core"
)

// JobTests implements core.Results, with pages of two: whatever job is asked for
// has the tests of TestList.
func (p *Platform) JobTests(_ context.Context, f core.TestFilter) (core.TestList, error) {
	defer p.lock("JobTests")()
	list := core.TestList{Items: []core.Test{}, Pending: p.TestList.Pending, Problems: p.TestList.Problems}
	at, _ := strconv.Atoi(f.Page.Token)
	for i := at; i < len(p.TestList.Items); i++ {
		if f.Failed && !p.TestList.Items[i].Result.Failed() {
			continue
		}
		if len(list.Items) == 2 {
			list.Next = strconv.Itoa(i)
			break
		}
		list.Items = append(list.Items, p.TestList.Items[i])
	}
	return list, p.check("JobTests")
}

// FlakyTests implements core.Results.
func (p *Platform) FlakyTests(context.Context, core.ProjectID) ([]core.FlakyTest, error) {
	defer p.lock("FlakyTests")()
	return p.Flaky, p.check("FlakyTests")
}

// AddResults implements core.Results; the gateway never calls it.
func (p *Platform) AddResults(context.Context, []core.TestUpload) error { return nil }

// TestTimings implements core.Results; the gateway never calls it.
func (p *Platform) TestTimings(context.Context, core.TimingsFilter) (core.TestTimings, error) {
	return core.TestTimings{}, nil
}

// FailedTests implements core.Results; the gateway never calls it.
func (p *Platform) FailedTests(context.Context, core.JobID) (core.FailedTests, error) {
	return core.FailedTests{}, nil
}
