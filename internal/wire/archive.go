// SPDX-License-Identifier: MPL-2.0

package wire

import "github.com/muster-ci/muster/core"

// The paths of the calls about archives: what a task keeps beyond its output.
//
//	POST archives/begin    ArchiveBegin  -> ArchiveBegun    a place for a new one
//	POST archives/upload   ArchiveUpload -> ArchiveURLs     where parts are PUT
//	POST archives/commit   ArchiveCommit -> ArchiveCommitted  makes it visible, whole
//	POST archives/find     ArchiveFind   -> ArchiveFound    a cache, or a workspace's layers
//	POST archives/download ArchiveDownload -> ArchiveURLs   where parts are fetched
//
// The bytes go straight between the agent and the object store, by URLs that
// are signed for one object, one method and a few minutes. An archive is a
// sequence of parts, numbered from 0, each an object of its own, so that parts
// travel side by side, a cut costs one part, and no bucket needs to know more
// than PUT and GET. The plain bytes of a cache, a workspace layer or test
// results are a tar compressed with zstd, each part whole frames of it; those of
// artifacts are the files one after the other, as they are, so that a range of a
// file is a range of parts. Each part is encrypted by the agent with the
// archive's key (package sealed) and named with size and SHA-256 of what lies in
// the store.
//
// A PUT may carry Content-Digest with the part's sha-256 (RFC 9530): the folder
// store refuses what does not fit, buckets that do not know it pass over it.
//
// A commit is taken once: repeated with the same parts it is answered like the
// first time. What is never committed is never seen, and removed.
const (
	PathArchiveBegin    = "/agent/v1/archives/begin"
	PathArchiveUpload   = "/agent/v1/archives/upload"
	PathArchiveCommit   = "/agent/v1/archives/commit"
	PathArchiveFind     = "/agent/v1/archives/find"
	PathArchiveDownload = "/agent/v1/archives/download"
)

// Limits of archives.
const (
	// MaxArchivePart is the most bytes of one part in the store.
	MaxArchivePart = 64 << 20
	// MaxArchiveParts is the most parts of one archive.
	MaxArchiveParts = 20_000
	// MaxArchiveURLs is the most URLs of one answer.
	MaxArchiveURLs = 64
	// MaxArchiveEntries is the most files of one archive of artifacts; an agent
	// with more makes several.
	MaxArchiveEntries = 10_000
	// MaxArchivePath is the most bytes of an artifact's path.
	MaxArchivePath = 4096
	// MaxCacheKey is the most characters of a cache's key.
	MaxCacheKey = 900
	// MaxArchiveKeys is the most keys of one search, and MaxArchiveSkipped the most
	// paths named in the answer to a commit.
	MaxArchiveKeys    = 100
	MaxArchiveSkipped = 100
	// MaxArchiveCommit is the most bytes of the body of a commit.
	MaxArchiveCommit = 16 << 20
)

// ArchiveBegin asks for a place for an archive.
type ArchiveBegin struct {
	// Nonce is random per archive and the same when the request is repeated.
	Nonce string           `json:"nonce"`
	Kind  core.ArchiveKind `json:"kind"`
	Step  int              `json:"step"` // that keeps it
	// Key is a cache's, its templates filled in.
	Key string `json:"key,omitempty"`
}

// ArchiveBegun is the place. Exists says that a cache of that key is there
// already, and nothing is to be sent.
type ArchiveBegun struct {
	ID     core.ArchiveID `json:"id,omitempty"`
	Secret []byte         `json:"secret,omitempty"` // 32 bytes, the key of its parts
	Exists bool           `json:"exists,omitempty"`
}

// ArchiveUpload asks where to PUT parts.
type ArchiveUpload struct {
	ID    core.ArchiveID `json:"id"`
	Parts []int          `json:"parts"`
}

// ArchiveDownload asks where to GET parts of a committed archive.
type ArchiveDownload struct {
	ID    core.ArchiveID `json:"id"`
	Parts []int          `json:"parts"`
}

// ArchiveURLs are addresses in the order asked for. One that begins with "/" is
// below the address of output that the agent uses. They hold for Seconds.
type ArchiveURLs struct {
	URLs    []string `json:"urls"`
	Seconds int      `json:"seconds"`
}

// ArchiveCommit names all that was sent.
type ArchiveCommit struct {
	ID    core.ArchiveID     `json:"id"`
	Parts []core.ArchivePart `json:"parts"`
	// Plain is the number of bytes before compression and encryption: of the
	// tar, or of all artifacts.
	Plain int64 `json:"plain"`
	// Files is how many files and folders are in a tar.
	Files int `json:"files,omitempty"`
	// Entries are an artifacts archive's files.
	Entries []ArchiveEntry `json:"entries,omitempty"`
}

// ArchiveEntry is one artifact: Size plain bytes from Offset in the archive's.
type ArchiveEntry struct {
	Path   string `json:"path"` // clean, relative, with slashes
	Offset int64  `json:"offset"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"` // hexadecimal, of the plain bytes
}

// ArchiveCommitted answers a commit. Exists says that another cache of the same
// key was faster; that is no failure.
type ArchiveCommitted struct {
	Exists bool `json:"exists,omitempty"`
	// Skipped are paths of artifacts that the task has kept before; those stay
	// as they are. At most MaxArchiveSkipped are named.
	Skipped []string `json:"skipped,omitempty"`
}

// ArchiveFind asks for what a task may read.
type ArchiveFind struct {
	Kind core.ArchiveKind `json:"kind"` // cache or workspace
	// Keys of caches, filled in; the first that is a prefix of any cache's key
	// decides, and the newest of those is the answer.
	Keys []string `json:"keys,omitempty"`
}

// ArchiveFound are a cache, or a workspace's layers in the order in which they
// are laid; none when there is nothing.
type ArchiveFound struct {
	Archives []FoundArchive `json:"archives"`
}

// FoundArchive is one committed archive.
type FoundArchive struct {
	ID     core.ArchiveID     `json:"id"`
	Secret []byte             `json:"secret"`
	Key    string             `json:"key,omitempty"`
	At     string             `json:"at"` // when it was kept, RFC 3339
	Plain  int64              `json:"plain"`
	Files  int                `json:"files,omitempty"`
	Parts  []core.ArchivePart `json:"parts"`
	// Of a workspace's layer: the job that kept it, its task's index, and the
	// places in this list of the layers of jobs upstream of that job. A file in
	// two layers of which neither is upstream of the other is a conflict.
	Job      string `json:"job,omitempty"`
	Index    int    `json:"index,omitempty"`
	Upstream []int  `json:"upstream,omitempty"`
}
