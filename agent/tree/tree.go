// SPDX-License-Identifier: MPL-2.0

package tree

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/muster-ci/muster/core"
)

// Counter tells how far packing or unpacking has come. Others may read it
// meanwhile.
type Counter struct {
	Files atomic.Int64 // entries: files, folders, links
	Bytes atomic.Int64 // of content
}

// Records of an entry whose data begins with a map of the file's holes.
const (
	// gnuSparse is what the keys begin with that GNU tar gave them, in the version
	// 1.0 of its format.
	gnuSparse = "GNU.sparse."
	// recordSparse is the only one in older archives of ours.
	recordSparse = "MUSTER.sparse"
)

// PlacesName is the name of a first entry that says where names lead to. It is
// no name that a root can have.
const PlacesName = ".places"

const (
	// maxPlaces is the most bytes of that entry.
	maxPlaces = 4 << 20
	// small is the size up to which a file is read or written as one piece.
	small = 128 << 10
	// chunk is the piece in which larger files move.
	chunk = 1 << 20
	// maxName is the most bytes of a name or of a link's target: what Linux takes.
	maxName = 4096
	// maxExtents is the most pieces of a file with holes; one with more is packed
	// as if it had none.
	maxExtents = 100_000
	// maxWorkers bounds memory on large machines.
	maxWorkers = 16
)

// Local tells whether name may be the name of an entry: relative, clean, not
// empty, without ".." and not too long. "." is the folder itself.
func Local(name string) bool {
	return len(name) <= maxName && filepath.IsLocal(name) && filepath.Clean(name) == name && !strings.ContainsRune(name, 0)
}

// refused is the error about a tar that is not one of ours, or was made to
// harm.
func refused(name, format string, args ...any) error {
	if len(name) > 200 {
		name = name[:200] + "..."
	}
	return core.Errorf(core.CodeInvalid, "the entry %q was refused: %s", name, fmt.Sprintf(format, args...))
}
