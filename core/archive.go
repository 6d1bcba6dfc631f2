// SPDX-License-Identifier: MPL-2.0

package core

// ArchiveID names what a task keeps in one piece.
type ArchiveID string

// ArchiveKind says what an archive is for.
type ArchiveKind string

// The kinds. Test results are the files as the job's tools wrote them.
const (
	ArchiveCache       ArchiveKind = "cache"
	ArchiveWorkspace   ArchiveKind = "workspace"
	ArchiveArtifacts   ArchiveKind = "artifacts"
	ArchiveTestResults ArchiveKind = "test-results"
)

// ArchivePart is one object of an archive as it lies in the store.
type ArchivePart struct {
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`          // hexadecimal
	Plain  int64  `json:"plain,omitempty"` // bytes before encryption
}
