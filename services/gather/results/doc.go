// SPDX-License-Identifier: MPL-2.0

// Package results keeps what the tests of jobs came to (core.Results).
//
// output hands it each archive of test-result files that a task has kept. It
// reads the archive through core.Archives, parses the files (internal/junit) and
// writes what it found; the gateway asks it for a job's tests and a project's
// flaky ones, output for timings on behalf of tasks that split their tests,
// workflows for what failed when a job is run again.
//
//	output ── AddResults ──► uploads (due) ── read, parse ──► parts, timings, problems
//	                                                              └─ revisions (due) ──► flakes
//
// The files themselves stay in their archive. An outage of this service, of
// output or of the object store delays a result and loses none; a file that
// cannot be parsed is a problem that people see with the job's tests.
//
// Tables: uploads (work: what is to be read), parts (tests, a thousand in a row),
// timings, problems, revisions (work: what may have flaked) and flakes.
package results
