// SPDX-License-Identifier: MPL-2.0

package results

import (
	"time"

	"github.com/muster-ci/muster/core"
)

// Config is what an operator may choose.
type Config struct {
	// UploadBytes is the most plain bytes that are read of one upload, all its
	// files together. The rest is named as a problem. Default 1 GiB.
	UploadBytes int64 `hcl:"upload_bytes,optional"`
	// FileBytes is the most bytes that are read of one file. Default 256 MiB.
	FileBytes int64 `hcl:"file_bytes,optional"`
	// Tests is the most tests that are taken of one upload. Default 200000.
	Tests int `hcl:"tests,optional"`
	// MessageBytes is how much is kept of what a test says. Default 16 KiB.
	MessageBytes int `hcl:"message_bytes,optional"`
	// ReadTime is how long the reading of one upload may take. Default 10 min.
	ReadTime time.Duration `hcl:"read_time,optional"`
	// Readers is how many uploads are read side by side. Default 2.
	Readers int `hcl:"readers,optional"`
	// FlakyWindow is how far back a test counts as flaky. Default 336h, 14 days.
	FlakyWindow time.Duration `hcl:"flaky_window,optional"`
	// Keep is how long tests and timings are kept; 0 is for ever. Default 2160h,
	// 90 days.
	Keep time.Duration `hcl:"keep,optional"`
}

// Default returns the configuration of an operator who chooses nothing.
func Default() Config {
	return Config{
		UploadBytes:  1 << 30,
		FileBytes:    256 << 20,
		Tests:        200_000,
		MessageBytes: 16 << 10,
		ReadTime:     10 * time.Minute,
		Readers:      2,
		FlakyWindow:  14 * 24 * time.Hour,
		Keep:         90 * 24 * time.Hour,
	}
}

// Validate returns a CodeInvalid error that names the first bad field.
func (c Config) Validate() error {
	switch {
	case c.FileBytes < 1<<10:
		return core.Errorf(core.CodeInvalid, "results: file_bytes is %d, it must be at least 1024", c.FileBytes)
	case c.UploadBytes < c.FileBytes:
		return core.Errorf(core.CodeInvalid, "results: upload_bytes is %d, it must be at least file_bytes, %d", c.UploadBytes, c.FileBytes)
	case c.Tests < 1 || c.Tests > 1_000_000:
		return core.Errorf(core.CodeInvalid, "results: tests is %d, it must be from 1 to 1000000", c.Tests)
	case c.MessageBytes < 100 || c.MessageBytes > 1<<20:
		return core.Errorf(core.CodeInvalid, "results: message_bytes is %d, it must be from 100 to 1048576", c.MessageBytes)
	case c.ReadTime < time.Second:
		return core.Errorf(core.CodeInvalid, "results: read_time is %s, it must be at least 1s", c.ReadTime)
	case c.Readers < 1 || c.Readers > 64:
		return core.Errorf(core.CodeInvalid, "results: readers is %d, it must be from 1 to 64", c.Readers)
	case c.FlakyWindow < time.Hour:
		return core.Errorf(core.CodeInvalid, "results: flaky_window is %s, it must be at least 1h", c.FlakyWindow)
	case c.Keep < 0 || c.Keep > 0 && c.Keep < c.FlakyWindow:
		return core.Errorf(core.CodeInvalid, "results: keep is %s, it must be 0s, for ever, or at least flaky_window, %s", c.Keep, c.FlakyWindow)
	}
	return nil
}
