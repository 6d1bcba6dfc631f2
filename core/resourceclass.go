// SPDX-License-Identifier: MPL-2.0

package core

// ResourceClass is a named size of a task and the pool that it runs in.
type ResourceClass struct {
	Name     string       `json:"name"`
	Executor ExecutorKind `json:"executor"`
	CPU      int          `json:"cpu"`    // MHz, as Nomad counts
	Memory   int          `json:"memory"` // MiB
	Disk     int          `json:"disk"`   // MiB
	// Pool is the Nomad node pool, and the unit in which the queue bounds how
	// many attempts are in flight.
	Pool string `json:"pool"`
	// Default marks the class of a job that names none.
	Default bool `json:"default,omitempty"`
}
