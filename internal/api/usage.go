// SPDX-License-Identifier: MPL-2.0

package api

// JobUsage is what the tasks of a job used of their resource class (Muster).
// Averages are over all tasks, peaks are of one.
type JobUsage struct {
	JobID  string     `json:"job_id" format:"uuid"`
	Number int64      `json:"number,omitempty"`
	Name   string     `json:"name"`
	Class  UsageClass `json:"resource_class"`
	CPU    UsageStats `json:"cpu" doc:"cores"`
	Memory UsageStats `json:"memory" doc:"bytes"`
	Disk   UsageStats `json:"disk" doc:"bytes that the disk of the working directory was fuller than at the beginning"`
	// NetworkIn and NetworkOut are sums of the tasks'.
	NetworkIn  int64       `json:"network_rx_bytes"`
	NetworkOut int64       `json:"network_tx_bytes"`
	Hint       string      `json:"hint,omitempty" doc:"advice on the resource class, when it is far too large or too small"`
	Tasks      []TaskUsage `json:"tasks,omitempty"`
}

// UsageClass is the size of a resource class; 0 means unknown.
type UsageClass struct {
	Name   string  `json:"name"`
	Cores  float64 `json:"cpu_count"`
	Memory int64   `json:"memory_limit_bytes"`
}

// UsageStats sum up a series.
type UsageStats struct {
	Average float64 `json:"average"`
	Peak    float64 `json:"peak"`
}

// TaskUsage is the last attempt at a task.
type TaskUsage struct {
	Index    int        `json:"index"`
	Attempt  int        `json:"attempt" doc:"from 1"`
	CPUStats UsageStats `json:"cpu"`
	MemStats UsageStats `json:"memory"`
	UsageSeries
}

// UsageSeries are samples, one each interval from the beginning on.
type UsageSeries struct {
	Interval   int64     `json:"interval_ms"`
	CPU        []float64 `json:"cpu_cores"`
	Memory     []int64   `json:"memory_bytes"`
	Disk       []int64   `json:"disk_bytes"`
	NetworkIn  int64     `json:"network_rx_bytes"`
	NetworkOut int64     `json:"network_tx_bytes"`
}

// V3 is the form of an answer of API v3.
type V3[T any] struct {
	Data V3Entity[T] `json:"data"`
}

// V3Entity is one thing.
type V3Entity[T any] struct {
	ID         string `json:"id" format:"uuid"`
	Type       string `json:"type"`
	Attributes T      `json:"attributes"`
}

// V3Usage is what API v3 tells of the use of resources.
type V3Usage struct {
	Class      UsageClass    `json:"resource_class"`
	Executions []V3Execution `json:"parallel_executions"`
}

// V3Execution is one task's.
type V3Execution struct {
	Index int `json:"execution"`
	UsageSeries
}
