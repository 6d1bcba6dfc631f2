// SPDX-License-Identifier: MPL-2.0

package core

import "time"

// Container is what a cluster knows of one container of a docker job at the
// moment its agent asks for work. What it cannot tell is left out.
type Container struct {
	Index int    `json:"index"` // in the job's list of images; 0 is the primary one
	Image string `json:"image"` // as it was fetched, through a mirror where there is one
	// Digest is the registry's, "sha256:..."; an image that came from no registry
	// has none.
	Digest string `json:"digest,omitempty"`
	// Size is in bytes: on the client, shared layers included, or Compressed, as
	// the registry has the layers.
	Size       int64 `json:"size,omitempty"`
	Compressed bool  `json:"compressed,omitempty"`
	// Unknown says for people why digest or size are left out.
	Unknown string `json:"unknown,omitempty"`
	// Present says that the client had the image; otherwise Pulled is how long
	// fetching it took, 0 where that is not known.
	Present bool          `json:"present,omitempty"`
	Pulled  time.Duration `json:"pulled,omitempty"`
	// StartedAt is nil for a container that was not started, or of which that is
	// not known yet.
	StartedAt *time.Time `json:"started_at,omitempty"`
	// Exit is the exit status of a container that has ended, Output the last lines
	// it wrote where they are kept.
	Exit   *int   `json:"exit,omitempty"`
	Output string `json:"output,omitempty"`
}
