// SPDX-License-Identifier: MPL-2.0

package execute

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/muster-ci/muster/core"
)

// TestAJobWaitsAsLongAsItIsTold: the installation's durations when it has any,
// and else the defaults; and it tells people those.
func TestAJobWaitsAsLongAsItIsTold(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		access core.SSHAccess
		want   time.Duration
		says   string
	}{
		"the defaults":       {core.SSHAccess{}, 10 * time.Minute, "for 10m after its last step or your last session, 2h at most."},
		"the installation's": {core.SSHAccess{Idle: 90 * time.Minute, Most: 36 * time.Hour}, 90 * time.Minute, "for 1h30m after its last step or your last session, 36h at most."},
		"at most":            {core.SSHAccess{Idle: 3 * time.Hour}, 2 * time.Hour, "for 3h after its last step or your last session, 2h at most."},
		"seconds":            {core.SSHAccess{Idle: 10 * time.Second, Most: 70 * time.Second}, 10 * time.Second, "for 10s after its last step or your last session, 1m10s at most."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c.access.Keys = []string{"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJmHiWvGZGh3jSd5CTQbFaQHF9iKSqXLJyWMIPcIH4cH"}
				task := core.ClaimedTask{}
				task.Spec.SSH = &c.access
				j, err := newJob(t.Context(), newRunner(t), task, t.TempDir())
				if err != nil {
					t.Fatal(err)
				}
				if _, err := j.enableSSH(t.Context(), j.deps.Recorder.Step(1)); err != nil || j.ssh == nil {
					t.Fatalf("enabling SSH: %v", err)
				}
				began := time.Now()
				result, err := j.waitForSSH(t.Context(), Result{Status: core.JobFailed})
				if err != nil || result.Status != core.JobFailed {
					t.Errorf("got %+v, %v", result, err)
				}
				if took := time.Since(began); took != c.want {
					t.Errorf("the job waited for %s, want %s", took, c.want)
				}
				if notice := j.sshNotice("", 0); !strings.Contains(notice, c.says) {
					t.Errorf("%q is missing in %s", c.says, notice)
				}
				j.closeSSH()
			})
		})
	}
}
