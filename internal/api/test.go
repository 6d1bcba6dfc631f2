// SPDX-License-Identifier: MPL-2.0

package api

import "time"

// Test is one test of a job, in CircleCI's fields.
type Test struct {
	Message   string  `json:"message"`
	Source    string  `json:"source" doc:"the format that the test was read from"`
	RunTime   float64 `json:"run_time" doc:"seconds"`
	File      string  `json:"file"`
	Result    string  `json:"result" enum:"success,failure,error,skipped"`
	Name      string  `json:"name"`
	Classname string  `json:"classname"`
}

// TestList is a page of a job's tests.
type TestList struct {
	Items         []Test        `json:"items"`
	NextPageToken *string       `json:"next_page_token"`
	Pending       int           `json:"pending,omitempty" doc:"Muster: uploads that are still being read; more tests will come"`
	Problems      []TestProblem `json:"problems,omitempty" doc:"Muster: files that could not be read, or not to their end"`
}

// TestProblem says what is wrong with a file of test results.
type TestProblem struct {
	NodeIndex int    `json:"node_index"`
	File      string `json:"file,omitempty"`
	Message   string `json:"message"`
}

// FlakyTests are those of a project.
type FlakyTests struct {
	FlakyTests      []FlakyTest `json:"flaky-tests"`
	TotalFlakyTests int         `json:"total-flaky-tests"`
}

// FlakyTest is a test that both succeeded and failed on one revision, with the
// job where it last failed.
type FlakyTest struct {
	TimeWasted        float64   `json:"time-wasted" doc:"seconds of the runs that failed"`
	WorkflowCreatedAt time.Time `json:"workflow-created-at"`
	WorkflowID        string    `json:"workflow-id" format:"uuid"`
	Classname         string    `json:"classname"`
	PipelineNumber    int64     `json:"pipeline-number"`
	WorkflowName      string    `json:"workflow-name"`
	TestName          string    `json:"test-name"`
	JobName           string    `json:"job-name"`
	JobNumber         int64     `json:"job-number"`
	TimesFlaked       int       `json:"times-flaked"`
	Source            string    `json:"source"`
	File              string    `json:"file"`
}
