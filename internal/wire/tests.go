// SPDX-License-Identifier: MPL-2.0

package wire

import "github.com/muster-ci/muster/core"

// PathTimings answers how long the tests of the task's job took before.
//
//	POST timings   Bearer <task token>   TimingsRequest -> Timings
//
// All tasks of a job get the same answer to the same question, whenever they
// ask and whatever happens in between: the first answer is kept for the job.
// Otherwise two tasks could split the tests by different timings, and a test
// would run twice or not at all. For the same reason a task asks again, with
// patience, until it has an answer of 200, and does not split by names because a
// call failed: where timings cannot be had, the answer says so for all tasks. An
// answer of 400 says that the question is wrong.
//
// The answer is compressed (Content-Encoding: zstd) where the request says
// Accept-Encoding: zstd.
const PathTimings = "/agent/v1/timings"

// MaxTimings is the most bytes of an answer before compression.
const MaxTimings = 64 << 20

// TimingsRequest asks for durations by a key.
type TimingsRequest struct {
	By core.TestKey `json:"by"` // "file", "classname" or "name"
}

// Timings are durations by name, in the order of the names.
type Timings struct {
	core.TestTimings
	// Missing says why there are none, for people: no job of that name has kept
	// test results yet, or the service that knows is away. The tasks split by
	// name then. Empty when there are some.
	Missing string `json:"missing,omitempty"`
}
