// SPDX-License-Identifier: MPL-2.0

package supervise

import (
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/muster-ci/muster/agent/agenttest"
	"github.com/muster-ci/muster/agent/process"
	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/wire"
)

// jumpy is a client's clock that is set an hour forward and two back in turn
// each time somebody looks at it.
type jumpy struct {
	looks atomic.Int64
	at    time.Time
}

func (j *jumpy) Now() time.Time {
	if j.looks.Add(1)%2 == 0 {
		return j.at.Add(-2 * time.Hour)
	}
	return j.at.Add(time.Hour)
}

// TestAClientsClockDatesNothing runs steps while the client's clock jumps, the
// first of them in the background. Whether the platform tells its own time or
// not, what is told is dated in its order, and no farther apart than it was.
func TestAClientsClockDatesNothing(t *testing.T) {
	t.Parallel()
	platform := time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)
	client := platform.Add(-20 * 24 * time.Hour)
	for name, now := range map[string]func() time.Time{
		"the platform tells the time": func() time.Time { return platform },
		"an older platform":           nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := agenttest.New(t, clockTask(), wire.Limits{Heartbeat: time.Second})
			begin := client.Add(time.Hour) // the first look
			if now != nil {
				s.SetNow(now)
				begin = platform
			}
			runWithClock(t, s, (&jumpy{at: client}).Now)
			last := begin
			events := s.Events()
			for _, e := range events {
				if e.At.Before(last) || e.At.Sub(begin) > time.Minute {
					t.Errorf("%s of step %d is dated %s, the one before %s", e.Type, e.Step, e.At, last)
				}
				last = e.At
			}
			if len(events) < 8 || !last.After(begin) || events[len(events)-1].Status != core.JobSuccess {
				t.Errorf("got %+v", events)
			}
		})
	}
}

func clockTask() core.ClaimedTask {
	var task core.ClaimedTask
	task.TimeLimit = time.Hour
	background := run("while true; do sleep 0.01; done")
	background.Run.Background = true
	quiet := run("sleep 0.2")
	quiet.Run.NoOutputTimeout = 30 * time.Minute // less than the clock jumps
	task.Spec.Plan.Steps = []core.StepPlan{background, quiet, run("echo done")}
	return task
}

func runWithClock(t *testing.T, s *agenttest.Server, clock core.Clock) {
	t.Helper()
	identity := filepath.Join(t.TempDir(), "identity")
	must(t, os.WriteFile(identity, []byte(agenttest.Identity), 0o600))
	a, err := New(Config{Addresses: []string{s.URL}, IdentityFile: identity, SpoolDir: t.TempDir(), ClaimFor: 5 * time.Second, Linger: 5 * time.Second,
		Environ: []string{"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH")}}, Deps{Logger: hclog.NewNullLogger(), Clock: clock, NewID: core.NewID, Processes: process.NewTable()})
	must(t, err)
	must(t, a.Run(t.Context()))
}
