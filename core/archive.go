// SPDX-License-Identifier: MPL-2.0

package core

import (
	"context"
	"io"
	"time"
)

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

// Artifact is one file that a task kept for people.
type Artifact struct {
	Job   JobID `json:"job_id"`
	Index int   `json:"index"` // of the task
	// Path is clean, relative and with slashes. Of one task it is unique: what
	// was kept first stays.
	Path   string    `json:"path"`
	Size   int64     `json:"size"`
	SHA256 string    `json:"sha256"` // hexadecimal
	At     time.Time `json:"at"`
}

// ArtifactQuery asks for a job's artifacts. Its page may have up to 1000.
type ArtifactQuery struct {
	Job  JobID `json:"job_id"`
	Page Page  `json:"page"`
}

// ArtifactList is a page of artifacts by task index and path.
type ArtifactList struct {
	Items []Artifact `json:"items"`
	Next  string     `json:"next,omitempty"`
}

// ArtifactRange names bytes of one artifact.
type ArtifactRange struct {
	Job    JobID  `json:"job_id"`
	Index  int    `json:"index"`
	Path   string `json:"path"`
	Offset int64  `json:"offset"`
	// Length is how many bytes are wanted, fewer at the end; below 0 means all
	// to the end.
	Length int64 `json:"length"`
}

// Cache is one kept cache.
type Cache struct {
	ID  ArchiveID `json:"id"`
	Key string    `json:"key"`
	// Fork is the repository whose pipelines alone see it; "" for the project's
	// own.
	Fork string `json:"fork,omitempty"`
	// Ref is the branch or tag whose pipelines alone see it, such as branch:main;
	// "" for all of the project's. See ProjectSettings.ProtectCaches.
	Ref       string    `json:"ref,omitempty"`
	Job       JobID     `json:"job_id"` // that kept it
	Size      int64     `json:"size"`   // in the object store
	At        time.Time `json:"at"`
	ExpiresAt time.Time `json:"expires_at,omitzero"`
}

// CacheQuery asks for a project's caches whose keys begin with Prefix.
type CacheQuery struct {
	Project ProjectID `json:"project_id"`
	Prefix  string    `json:"prefix,omitempty"`
	Page    Page      `json:"page"`
}

// CacheList is a page of caches, the newest first.
type CacheList struct {
	Items []Cache `json:"items"`
	Next  string  `json:"next,omitempty"`
}

// Archives is what tasks kept, as people and services see it. The output
// service keeps the rows; the bytes lie in the object store, encrypted.
type Archives interface {
	// ListArtifacts returns a page of a job's artifacts: of each task those of
	// its last attempt that kept any.
	ListArtifacts(ctx context.Context, q ArtifactQuery) (ArtifactList, error)
	// Artifact returns one; its Offset and Length count for nothing.
	Artifact(ctx context.Context, r ArtifactRange) (Artifact, error)
	// ReadArtifact opens plain bytes of one.
	ReadArtifact(ctx context.Context, r ArtifactRange) (io.ReadCloser, error)
	// ListCaches returns a page of a project's caches.
	ListCaches(ctx context.Context, q CacheQuery) (CacheList, error)
	// ClearCaches forgets the caches that match, whatever its page says, and
	// returns how many they were. Tasks that are reading one may go on.
	ClearCaches(ctx context.Context, q CacheQuery) (int, error)
	// OpenArchive opens a committed archive that is a tar, as plain tar. It is
	// for control services, which bound what they read of it.
	OpenArchive(ctx context.Context, id ArchiveID) (io.ReadCloser, error)
}
