// SPDX-License-Identifier: MPL-2.0

package scenario

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Scenario is a config and what must come of it.
type Scenario struct {
	Name    string
	Config  string
	Verdict Verdict
}

// Verdict is what must come out.
type Verdict struct {
	// About says in a sentence what the scenario promises.
	About string `json:"about"`
	// Needs names what the platform must have: "docker" or nothing.
	Needs string `json:"needs,omitempty"`
	// Workflow is the status in which every workflow must end; "" when the
	// pipeline itself must be errored.
	Workflow string `json:"workflow,omitempty"`
	// Errors are texts that the errors of the pipeline must hold.
	Errors []string `json:"errors,omitempty"`
	// Jobs are the final statuses by job name; all jobs must be named.
	Jobs map[string]string `json:"jobs,omitempty"`
	// Output are texts that the output of "job/step" must hold, in order.
	Output map[string][]string `json:"output,omitempty"`
	// Absent are texts that no output and no step name may hold.
	Absent []string `json:"absent,omitempty"`
	// Reasons are texts that the reason of a job must hold.
	Reasons map[string]string `json:"reasons,omitempty"`
	// Approve names an approval job to approve when it is on hold.
	Approve string `json:"approve,omitempty"`
	// Runs is how often each workflow must have run, by itself or because of
	// Rerun; 0 means once. Workflow, Jobs and the rest are about the last runs.
	Runs int `json:"runs,omitempty"`
	// Rerun runs each workflow again after its end, from failed.
	Rerun bool `json:"rerun,omitempty"`
	// FailedTests has Rerun repeat failed tests alone, once those of the jobs in
	// Tests are known.
	FailedTests bool `json:"failed_tests,omitempty"`
	// Tests are the tests of jobs as "name result", in the order of that.
	Tests map[string][]string `json:"tests,omitempty"`
	// Twice triggers a second pipeline after the end of the first, in the same
	// project, once the tests of the jobs in Tests are known; the verdict is about
	// the second.
	Twice bool `json:"twice,omitempty"`
	// Behind names a job that must wait for the serial group of a first pipeline,
	// which is stopped at the approval of Approve until it does; the verdict is
	// about the second pipeline.
	Behind string `json:"behind,omitempty"`
	// Redundant is "job/step: text": when the step's output holds the text, a
	// second pipeline of the same branch is triggered, which must succeed. The
	// branch is not the default one, and the project has auto-cancel. The verdict
	// is about the first pipeline.
	Redundant string `json:"redundant,omitempty"`
	// Overtaken has a second pipeline come before the first, which the verdict is
	// about.
	Overtaken *Overtaken `json:"overtaken,omitempty"`
	// Artifacts are all that jobs keep, by "job/task/path".
	Artifacts map[string]string `json:"artifacts,omitempty"`
	// Registry is the config of an image that a registry at RegistryAddress hands
	// out under every name while the scenario runs: busybox.
	Registry map[string]any `json:"registry,omitempty"`
	// Usage bounds what jobs must have used at their peaks.
	Usage map[string]Usage `json:"usage,omitempty"`
	// CancelOn is "job/step: text": the job is canceled when the step's output
	// holds the text.
	CancelOn string `json:"cancel_on,omitempty"`
	// Variables are set as project variables before the pipeline is triggered.
	Variables map[string]string `json:"variables,omitempty"`
}

// RegistryAddress is where scenarios' configs find the registry of Registry.
// Platforms have to trust it, since it is on their own machine.
const RegistryAddress = "127.0.0.1:5055"

// Usage is the least and the most of a resource.
type Usage struct {
	Cores     [2]float64 `json:"cores"`
	Megabytes [2]float64 `json:"megabytes"`
}

// Load reads all scenarios of a folder in the order of their names.
func Load(dir string) ([]Scenario, error) {
	configs, err := filepath.Glob(filepath.Join(dir, "*.yml"))
	if err != nil || len(configs) == 0 {
		return nil, fmt.Errorf("finding scenarios in %s: %d found, %w", dir, len(configs), err)
	}
	slices.Sort(configs)
	var all []Scenario
	for _, path := range configs {
		s := Scenario{Name: strings.TrimSuffix(filepath.Base(path), ".yml")}
		config, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		s.Config = string(config)
		text, err := os.ReadFile(strings.TrimSuffix(path, ".yml") + ".json")
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(text, &s.Verdict); err != nil {
			return nil, fmt.Errorf("reading the verdict of %s: %w", s.Name, err)
		}
		all = append(all, s)
	}
	return all, nil
}
