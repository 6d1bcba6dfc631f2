// SPDX-License-Identifier: MPL-2.0

package config

import (
	"fmt"
	"strings"

	"github.com/muster-ci/muster/core"
)

// reportFlags are parts of commands that write JUnit files, which nothing but
// store_test_results reads.
var reportFlags = []string{
	"--junit-xml", "--junitxml", "--junitfile", "--log-junit", "jest-junit", "mocha-junit-reporter", "rspec_junit_formatter",
	"RspecJunitFormatter", "minitest-reporters-junit", "go-junit-report", "--reporter=junit", "--reporter junit",
}

// warnResults tells of jobs that make test results and keep them nowhere. It
// looks at what runs, so that post-steps count.
func (c *compiler) warnResults(workflows []*workflow) {
	told, seen := map[string]bool{}, map[*core.JobPlan]bool{}
	for _, w := range workflows {
		if w.off {
			continue
		}
		for _, i := range w.jobs {
			if !told[i.called] && !seen[i.plan] {
				seen[i.plan] = true
				told[i.called] = c.warnJobResults(i)
			}
		}
	}
}

// warnJobResults leaves a job alone that keeps any files: the results may be
// among them.
func (c *compiler) warnJobResults(i *invocation) (told bool) {
	made, timed := "", false
	for _, s := range i.plan.Steps {
		switch {
		case s.Kind == core.StepStoreTestResults || s.Kind == core.StepStoreArtifacts || s.Kind == core.StepPersistToWorkspace:
			return false
		case s.Run == nil:
			continue
		}
		timed = timed || strings.Contains(s.Run.Command, "circleci tests") && strings.Contains(s.Run.Command, "--split-by=timings")
		for _, flag := range reportFlags {
			if made == "" && strings.Contains(s.Run.Command, flag) {
				made = flag
			}
		}
	}
	const way = "add - store_test_results: {path: folder-of-the-reports} after the tests"
	switch {
	case timed:
		c.warn(i.place, fmt.Sprintf("The job %s splits tests by timings and stores no test results to take them from", clip(i.called)), way)
	case made != "":
		c.warn(i.place, fmt.Sprintf("The job %s writes test results (%s) and does not store them", clip(i.called), made), way)
	default:
		return false
	}
	return true
}
