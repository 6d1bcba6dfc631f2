// SPDX-License-Identifier: MPL-2.0

package output

import (
	"cmp"
	"time"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/wire"
	"github.com/muster-ci/muster/services/gather/output/archive"
)

// Config is what an operator may choose.
type Config struct {
	// StepBytes is the most output of one step. The agent drops the rest with a
	// visible mark. Default 256 MiB.
	StepBytes int64 `hcl:"step_bytes,optional"`
	// AttemptBytes is the most output of one attempt, over all its steps; what
	// goes over it is acknowledged and dropped, with a mark. Default 4 GiB.
	AttemptBytes int64 `hcl:"attempt_bytes,optional"`
	// Heartbeat is the longest silence of an agent, and so the longest that a
	// silent step goes on after a cancel. Default 3 s.
	Heartbeat time.Duration `hcl:"heartbeat,optional"`
	// Grace is how long after the end of an attempt bytes are still taken: what
	// its agent had spooled. Default 30 s.
	Grace time.Duration `hcl:"grace,optional"`
	// SealAfter is how long after its end an attempt's output stays in the
	// database before it moves to the object store. Default 1 min, at least
	// Grace.
	SealAfter time.Duration `hcl:"seal_after,optional"`
	// KeepOutput is how long after its end the output of an attempt is kept; 0
	// is for ever. Default 4320h, 180 days.
	KeepOutput time.Duration `hcl:"keep_output,optional"`
	// Keep is how long the attempt itself is kept with its steps; not less than
	// its output, whatever is said here. 0 is for ever. Default 4320h, 180 days.
	Keep time.Duration `hcl:"keep,optional"`
	// KeepArtifacts, KeepCaches and KeepWorkspaces are how long these are kept
	// after they were stored; 0 is for ever. A config may say another time for the
	// caches of a job. Files of test results are kept like artifacts. Defaults
	// 720h, 360h and 360h: 30, 15 and 15 days.
	KeepArtifacts  time.Duration `hcl:"keep_artifacts,optional"`
	KeepCaches     time.Duration `hcl:"keep_caches,optional"`
	KeepWorkspaces time.Duration `hcl:"keep_workspaces,optional"`
	// ArchiveBytes is the most of one cache, one layer of a workspace, or the
	// artifacts of one step, as they are stored. Default 64 GiB.
	ArchiveBytes int64 `hcl:"archive_bytes,optional"`
	// Poll is how long a reader who follows can lag behind when a hint was
	// lost. Default 5 s.
	Poll time.Duration `hcl:"poll,optional"`
	// Requests bounds the memory for requests of agents with more than 64 KiB, in
	// units of 4 MiB, the most that one may have: of 32, 8 are for such, and 24 for
	// 192 of the usual 512 KiB. The others wait. Default 32.
	Requests int `hcl:"requests,optional"`
	// ReadsPerSecond is how many requests for output one user may send for long,
	// and ReadsBurst how many at once, on port 8585. Defaults 50 and 100.
	ReadsPerSecond float64 `hcl:"reads_per_second,optional"`
	ReadsBurst     int     `hcl:"reads_burst,optional"`
}

// tokenLife is how long after its attempt a task token is known: an agent whose
// last answer was lost can ask again for so long.
const tokenLife = 5 * time.Minute

// Default returns the configuration of an operator who chooses nothing.
func Default() Config {
	a := archive.Default()
	return Config{
		StepBytes:    256 << 20,
		AttemptBytes: 4 << 30,
		Heartbeat:    3 * time.Second,
		Grace:        30 * time.Second,
		SealAfter:    time.Minute,
		Poll:         5 * time.Second,
		Requests:     32,
		KeepOutput:   180 * 24 * time.Hour,
		Keep:         180 * 24 * time.Hour,

		KeepArtifacts:  a.Artifacts,
		KeepCaches:     a.Caches,
		KeepWorkspaces: a.Workspaces,
		ArchiveBytes:   a.Bytes,

		ReadsPerSecond: 50,
		ReadsBurst:     100,
	}
}

// withDefaults fills in what is zero.
func (c Config) withDefaults() Config {
	d := Default()
	c.StepBytes = cmp.Or(c.StepBytes, d.StepBytes)
	c.AttemptBytes = cmp.Or(c.AttemptBytes, d.AttemptBytes)
	c.Heartbeat = cmp.Or(c.Heartbeat, d.Heartbeat)
	c.Grace = cmp.Or(c.Grace, d.Grace)
	c.SealAfter = cmp.Or(c.SealAfter, max(d.SealAfter, c.Grace))
	c.Poll = cmp.Or(c.Poll, d.Poll)
	c.Requests = cmp.Or(c.Requests, d.Requests)
	c.ArchiveBytes = cmp.Or(c.ArchiveBytes, d.ArchiveBytes)
	switch {
	case c.KeepOutput == 0:
		c.Keep = 0
	case c.Keep > 0:
		c.Keep = max(c.Keep, c.KeepOutput)
	}
	c.ReadsPerSecond = cmp.Or(c.ReadsPerSecond, d.ReadsPerSecond)
	c.ReadsBurst = cmp.Or(c.ReadsBurst, d.ReadsBurst)
	return c
}

// archives is the part of it that is about archives.
func (c Config) archives() archive.Config {
	return archive.Config{Artifacts: c.KeepArtifacts, Caches: c.KeepCaches, Workspaces: c.KeepWorkspaces, Bytes: c.ArchiveBytes}
}

// Validate returns a CodeInvalid error that names the first bad field.
func (c Config) Validate() error {
	switch {
	case c.StepBytes < 1<<10:
		return core.Errorf(core.CodeInvalid, "output: step_bytes is %d, it must be at least 1024", c.StepBytes)
	case c.AttemptBytes < c.StepBytes:
		return core.Errorf(core.CodeInvalid, "output: attempt_bytes is %d, it must be at least step_bytes, %d", c.AttemptBytes, c.StepBytes)
	case c.Heartbeat < 100*time.Millisecond || c.Heartbeat > time.Minute:
		return core.Errorf(core.CodeInvalid, "output: heartbeat is %s, it must be between 100ms and 1m", c.Heartbeat)
	case c.Grace < 0 || c.Grace > tokenLife:
		return core.Errorf(core.CodeInvalid, "output: grace is %s, it must be between 0s and %s", c.Grace, tokenLife)
	case c.SealAfter < c.Grace:
		return core.Errorf(core.CodeInvalid, "output: seal_after is %s, it must be at least grace, %s", c.SealAfter, c.Grace)
	case c.KeepOutput < 0:
		return core.Errorf(core.CodeInvalid, "output: keep_output is %s, it must not be negative", c.KeepOutput)
	case c.Keep < 0:
		return core.Errorf(core.CodeInvalid, "output: keep is %s, it must not be negative", c.Keep)
	case c.KeepArtifacts < 0 || c.KeepCaches < 0 || c.KeepWorkspaces < 0:
		return core.Errorf(core.CodeInvalid, "output: keep_artifacts is %s, keep_caches %s and keep_workspaces %s, none must be negative", c.KeepArtifacts, c.KeepCaches, c.KeepWorkspaces)
	case c.ArchiveBytes < wire.MaxArchivePart:
		return core.Errorf(core.CodeInvalid, "output: archive_bytes is %d, it must be at least %d", c.ArchiveBytes, wire.MaxArchivePart)
	case c.Poll < 10*time.Millisecond:
		return core.Errorf(core.CodeInvalid, "output: poll is %s, it must be at least 10ms", c.Poll)
	case c.Requests < 1:
		return core.Errorf(core.CodeInvalid, "output: requests is %d, it must be at least 1", c.Requests)
	case c.ReadsPerSecond < 0 || c.ReadsBurst < 1:
		return core.Errorf(core.CodeInvalid, "output: reads_per_second is %g and reads_burst is %d, both must be more than 0", c.ReadsPerSecond, c.ReadsBurst)
	}
	return nil
}
