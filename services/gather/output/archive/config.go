// SPDX-License-Identifier: MPL-2.0

package archive

import (
	"time"

	"github.com/muster-ci/muster/core"
)

// Config is what an operator may choose; the service output has the settings.
type Config struct {
	// Artifacts, Caches and Workspaces are how long each is kept after its
	// commit; 0 is for ever. Files of test results are kept like artifacts.
	Artifacts, Caches, Workspaces time.Duration
	// Bytes is the most of one archive, in the object store.
	Bytes int64
}

// Default returns CircleCI's times.
func Default() Config {
	const day = 24 * time.Hour
	return Config{Artifacts: 30 * day, Caches: 15 * day, Workspaces: 15 * day, Bytes: 64 << 30}
}

// expiry returns when an archive that is committed now expires, zero for never.
func (c Config) expiry(kind core.ArchiveKind, wish time.Duration, now time.Time) time.Time {
	keep := c.Artifacts
	switch kind {
	case core.ArchiveCache:
		keep = c.Caches
		if wish > 0 {
			keep = wish
		}
	case core.ArchiveWorkspace:
		keep = c.Workspaces
	case core.ArchiveArtifacts, core.ArchiveTestResults:
	}
	if keep == 0 {
		return time.Time{}
	}
	return now.Add(keep)
}
