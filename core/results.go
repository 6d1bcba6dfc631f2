// SPDX-License-Identifier: MPL-2.0

package core

import (
	"context"
	"time"
)

// TestUpload is an archive of test-result files with the task that kept it, as
// output hands it over to results.
type TestUpload struct {
	Archive        ArchiveID      `json:"archive_id"`
	Organization   OrganizationID `json:"organization_id"`
	Project        ProjectID      `json:"project_id"`
	Pipeline       PipelineID     `json:"pipeline_id"`
	PipelineNumber int64          `json:"pipeline_number"`
	Workflow       WorkflowID     `json:"workflow_id"`
	WorkflowName   string         `json:"workflow_name"`
	Job            JobID          `json:"job_id"`
	JobName        string         `json:"job_name"`
	JobNumber      int64          `json:"job_number"`
	Index          int            `json:"index"`   // the task's in its job, from 0
	Attempt        int            `json:"attempt"` // the number of the try at the task
	Revision       string         `json:"revision,omitempty"`
	Branch         string         `json:"branch,omitempty"` // "" for a tag
	At             time.Time      `json:"at"`               // when it was kept
}

// TestResult is how one test ended, in the words of CircleCI's API.
type TestResult string

// The results. An error is a test that broke before it could pass or fail.
const (
	TestSuccess TestResult = "success"
	TestFailure TestResult = "failure"
	TestError   TestResult = "error"
	TestSkipped TestResult = "skipped"
)

// Failed tells whether the test is to be mended or run again.
func (r TestResult) Failed() bool { return r == TestFailure || r == TestError }

// Test is one run of one test.
type Test struct {
	Name      string     `json:"name"`
	ClassName string     `json:"classname,omitempty"`
	File      string     `json:"file,omitempty"`
	Result    TestResult `json:"result"`
	RunTime   float64    `json:"run_time"` // seconds
	Message   string     `json:"message,omitempty"`
	Source    string     `json:"source,omitempty"` // the format that it was read from, "junit" and the like
}

// TestFilter asks for a page of a job's tests.
type TestFilter struct {
	Job JobID `json:"job_id"`
	// Failed leaves out what succeeded or was skipped.
	Failed bool `json:"failed,omitempty"`
	// Page's limit may be 1000 here.
	Page Page `json:"page"`
}

// TestList is a page of a job's tests: by task, and within one in the order of
// its files.
type TestList struct {
	Items []Test `json:"items"`
	Next  string `json:"next,omitempty"`
	// Pending is how many uploads of the job have still to be read: more tests
	// will come.
	Pending int `json:"pending,omitempty"`
	// Problems are files that could not be read, or not to their end. They stay
	// in their archive as they are.
	Problems []TestProblem `json:"problems,omitempty"`
}

// TestProblem says what is wrong with a file of test results, for people.
type TestProblem struct {
	Index   int    `json:"index"` // the task's in its job
	File    string `json:"file,omitempty"`
	Message string `json:"message"`
}

// TestKey says what timings are asked for by.
type TestKey string

// The keys of `circleci tests split --timings-type`.
const (
	TestByFile      TestKey = "file"
	TestByClassName TestKey = "classname"
	TestByName      TestKey = "name"
)

// TimingsFilter asks how long tests of a job took when they last ran: in jobs
// of that name on the branch, and if there are none on the default branch, and
// if there are none there on any.
type TimingsFilter struct {
	Project       ProjectID `json:"project_id"`
	JobName       string    `json:"job_name"`
	Branch        string    `json:"branch,omitempty"`
	DefaultBranch string    `json:"default_branch,omitempty"`
	By            TestKey   `json:"by"`
}

// MaxTimings is the most tests of one answer; the longest stay.
const MaxTimings = 100_000

// TestTimings are durations by name, in the order of the names; none when no job
// of that name has kept results.
type TestTimings struct {
	// Branch is the one that they are from, "" for any.
	Branch  string    `json:"branch,omitempty"`
	Names   []string  `json:"names"`
	Seconds []float64 `json:"seconds"` // of the name in the same place
}

// FailedTests are the tests of a job that did not succeed, each file and class
// once.
type FailedTests struct {
	Tests []FailedTest `json:"tests"`
	// Indexes are the tasks of the job that have some. A task that failed and is
	// not among them failed for another reason, so that a rerun of these tests
	// alone would leave something out.
	Indexes []int `json:"indexes"`
}

// FlakyTest is a test that both succeeded and failed on one revision.
type FlakyTest struct {
	Name      string `json:"name"`
	ClassName string `json:"classname,omitempty"`
	File      string `json:"file,omitempty"`
	Source    string `json:"source,omitempty"`
	// Times is how often it failed where it also succeeded, and Wasted how many
	// seconds those failures took.
	Times  int     `json:"times"`
	Wasted float64 `json:"wasted"`
	// The job where it last failed so.
	JobName        string     `json:"job_name"`
	JobNumber      int64      `json:"job_number"`
	Workflow       WorkflowID `json:"workflow_id"`
	WorkflowName   string     `json:"workflow_name"`
	PipelineNumber int64      `json:"pipeline_number"`
	At             time.Time  `json:"at"`
}

// Results keeps what the tests of jobs came to.
type Results interface {
	// AddResults accepts uploads and returns at once; they are read afterwards.
	// Those that are known already are left alone.
	AddResults(ctx context.Context, uploads []TestUpload) error
	// JobTests returns a page of a job's tests; an unknown job has none.
	JobTests(ctx context.Context, f TestFilter) (TestList, error)
	// TestTimings returns what is known of a job's tests.
	TestTimings(ctx context.Context, f TimingsFilter) (TestTimings, error)
	// FailedTests returns a job's. While uploads of the job are still to be read
	// it is CodeUnavailable.
	FailedTests(ctx context.Context, id JobID) (FailedTests, error)
	// FlakyTests returns those of a project, the ones that failed most first.
	FlakyTests(ctx context.Context, id ProjectID) ([]FlakyTest, error)
}
