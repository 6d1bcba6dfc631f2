// SPDX-License-Identifier: MPL-2.0

package api

import "time"

// Artifact is a file that a job kept, as CircleCI's API v2 shows it.
type Artifact struct {
	Path      string `json:"path"`
	NodeIndex int    `json:"node_index"`
	URL       string `json:"url"`
}

// Cache is a cache of a project.
type Cache struct {
	ID        string     `json:"id"`
	Key       string     `json:"key"`
	Fork      string     `json:"fork,omitempty"` // the repository whose pipelines alone see it
	Ref       string     `json:"ref,omitempty"`  // branch:b or tag:t, whose pipelines alone see it
	JobID     string     `json:"job_id"`
	Size      int64      `json:"size"`
	CreatedAt time.Time  `json:"created_at"`
	ExpiresAt *time.Time `json:"expires_at,omitempty"`
}

// CachesCleared says how many caches were forgotten.
type CachesCleared struct {
	Cleared int `json:"cleared"`
}
