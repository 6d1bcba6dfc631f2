// SPDX-License-Identifier: MPL-2.0

package execute

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"time"

	"github.com/muster-ci/muster/agent/usage"
	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/wire"
)

// coresPerCPU turns a class's CPU into cores: see hcl/classes.
const coresPerCPU = 1000

// sampleUsage tells what the job uses until the function that it returns is
// called. A job does not fail because that cannot be told.
func (j *job) sampleUsage() (stop func()) {
	meter := usage.NewMeter(j.task.Attempt.Executor == core.ExecutorDocker, existing(j.directory))
	class := j.task.Class
	limit := core.UsageLimit{Name: cmp.Or(class.Name, j.task.Attempt.ResourceClass), Cores: float64(class.CPU) / coresPerCPU, Memory: int64(class.Memory) << 20}
	sampler := usage.NewSampler(meter.Read, j.deps.Clock, limit, func(u wire.Usage) error {
		return j.deps.Recorder.Event(wire.Event{Type: wire.TaskUsage, Usage: &u})
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		ticker := time.NewTicker(usage.Interval)
		defer ticker.Stop()
		done <- sampler.Run(ctx, ticker.C)
	}()
	return func() {
		cancel()
		if err := <-done; err != nil {
			j.deps.Logger.Warn("the use of resources is not told any more", "error", err)
		}
	}
}

// existing returns the path, or the nearest folder above it that is there.
func existing(path string) string {
	for {
		if _, err := os.Stat(path); err == nil || path == "/" || path == "." {
			return path
		}
		path = filepath.Dir(path)
	}
}
