// SPDX-License-Identifier: MPL-2.0

package core

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// ResourceUsage is what an attempt used of its resource class.
type ResourceUsage struct {
	Task    TaskID     `json:"task_id"`
	Attempt AttemptID  `json:"attempt_id"`
	Number  int        `json:"number"` // of the attempt, from 1
	Class   UsageLimit `json:"class"`
	// Interval lies between two samples. It grows with the length of the attempt,
	// so that there are never many of them.
	Interval time.Duration `json:"interval"`
	Samples  int           `json:"samples"`
	CPU      UsageStats    `json:"cpu"`    // cores
	Memory   UsageStats    `json:"memory"` // bytes
	// Disk is by how many bytes the disk of the working directory was fuller than
	// at the beginning; others may have written to it too.
	Disk UsageStats `json:"disk"`
	// NetworkIn and NetworkOut are totals in bytes; 0 where the task has no
	// network of its own that could be counted.
	NetworkIn  int64 `json:"network_in,omitempty"`
	NetworkOut int64 `json:"network_out,omitempty"`
	// Series are the samples, where they were asked for.
	Series *UsageSeries `json:"series,omitempty"`
}

// UsageLimit is the size of a resource class as a task sees it.
type UsageLimit struct {
	Name   string  `json:"name,omitempty"`
	Cores  float64 `json:"cores,omitempty"`  // 0: unknown
	Memory int64   `json:"memory,omitempty"` // bytes, 0: unknown
}

// UsageStats sum up samples.
type UsageStats struct {
	Average float64 `json:"average"`
	Peak    float64 `json:"peak"`
}

// UsageSeries are samples from the beginning of the attempt on, one an interval.
// A sample is the average of its interval for CPU, and the most for the others.
type UsageSeries struct {
	CPU    []float64 `json:"cpu"`    // cores
	Memory []int64   `json:"memory"` // bytes
	Disk   []int64   `json:"disk"`   // bytes
}

// UsageQuery asks for the usage of tasks.
type UsageQuery struct {
	Tasks  []TaskID `json:"task_ids"`
	Series bool     `json:"series,omitempty"`
}

// ResourceUsages is the side of output that knows what tasks used.
type ResourceUsages interface {
	// TaskUsage returns the usage of the attempts of tasks, by task in the order
	// asked for and within one by number. Attempts that have told nothing yet are
	// left out.
	TaskUsage(ctx context.Context, q UsageQuery) ([]ResourceUsage, error)
}

// What makes a class too small or far too large. An attempt that was shorter
// than usageTime says little.
const (
	usageTime   = time.Minute
	memoryScant = 0.90
	cpuScant    = 0.90
	muchTooMuch = 0.40
)

// UsageHint is advice on the class of a job by what its attempts used, "" for
// none. All are of one class.
func UsageHint(all []ResourceUsage) string {
	all = slices.DeleteFunc(slices.Clone(all), func(u ResourceUsage) bool {
		return time.Duration(u.Samples)*u.Interval < usageTime || u.Class.Cores <= 0 || u.Class.Memory <= 0
	})
	if len(all) == 0 {
		return ""
	}
	class, memory, peak, average := all[0].Class, 0.0, 0.0, 0.0
	for _, u := range all {
		memory = max(memory, u.Memory.Peak/float64(u.Class.Memory))
		peak = max(peak, u.CPU.Peak/u.Class.Cores)
		average = max(average, u.CPU.Average/u.Class.Cores)
	}
	switch {
	case memory >= memoryScant:
		return fmt.Sprintf("%.0f%% of the memory of %s was used: a larger resource class is safer", 100*memory, class.name())
	case average >= cpuScant:
		return fmt.Sprintf("the CPU of %s was busy all the time (%.0f%% on average): a larger resource class may be faster", class.name(), 100*average)
	case memory < muchTooMuch && peak < muchTooMuch:
		return fmt.Sprintf("never more than %.0f%% of the CPU and %.0f%% of the memory of %s was used: a smaller resource class would do", 100*peak, 100*memory, class.name())
	default:
		return ""
	}
}

func (l UsageLimit) name() string {
	if l.Name == "" {
		return "the resource class"
	}
	return l.Name
}
