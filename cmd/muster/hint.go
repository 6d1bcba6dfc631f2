// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/muster-ci/muster/internal/api"
)

// Hints are worth a look, not a wait: so many jobs are asked about, for so long.
const (
	hintJobs = 20
	hintFor  = 3 * time.Second
)

// hintTests writes a line for each job of which tests failed, with the command
// that shows them. What cannot be had is left out.
func hintTests(ctx context.Context, s *session, out io.Writer, indent string, failed []api.WorkflowJob) {
	ctx, cancel := context.WithTimeout(ctx, hintFor)
	defer cancel()
	for _, job := range failed[:min(len(failed), hintJobs)] {
		list, err := s.Tests(ctx, job.ProjectSlug, job.JobNumber, true)
		if err != nil {
			continue
		}
		if text := testHint(list); text != "" {
			fmt.Fprintf(out, "%s%s: muster tests %d\n", indent, text, job.JobNumber)
		}
	}
}

func testHint(failed api.TestList) string {
	switch n := len(failed.Items); {
	case n == 1:
		return "1 test failed"
	case n > 1:
		return fmt.Sprintf("%d tests failed", n)
	case failed.Pending > 0:
		return "test results are still being read"
	default:
		return ""
	}
}
