// SPDX-License-Identifier: MPL-2.0

package wire

import (
	"time"

	"github.com/muster-ci/muster/core"
)

// MaxSamples is the most samples of one event.
const MaxSamples = 100

// Usage is what a task used since the event of the kind before it: samples, one
// an interval, the same number of each sort.
type Usage struct {
	Interval time.Duration `json:"interval"`
	CPU      []float64     `json:"cpu"`    // cores, on average over the interval
	Memory   []int64       `json:"memory"` // bytes
	Disk     []int64       `json:"disk"`   // bytes more than at the beginning
	// NetworkIn and NetworkOut are totals since the beginning.
	NetworkIn  int64           `json:"network_in,omitempty"`
	NetworkOut int64           `json:"network_out,omitempty"`
	Class      core.UsageLimit `json:"class"`
}
