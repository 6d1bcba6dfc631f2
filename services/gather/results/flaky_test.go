// SPDX-License-Identifier: MPL-2.0

package results

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/core"
)

// order is that in which uploads come: another for each database.
func order(name string, uploads []core.TestUpload) []core.TestUpload {
	uploads = slices.Clone(uploads)
	if strings.HasSuffix(name, "postgres") {
		slices.Reverse(uploads)
	}
	return uploads
}

func TestFlaky(t *testing.T) {
	t.Parallel()
	later := func(id string, number int64, more func(*core.TestUpload)) core.TestUpload {
		return upload(id, func(u *core.TestUpload) {
			u.Job, u.JobNumber, u.At = core.JobID(id), number, began.Add(time.Duration(number)*time.Minute)
			if more != nil {
				more(u)
			}
		})
	}
	first := later("j1", 1, nil)
	uploads := map[string][]string{
		"j1": {"x.xml", suiteOf("A", "a.go", "steady success 1", "flaky failure 2", "broken failure 1", "mended failure 1", "skips failure 1", "elsewhere failure 1", "retried flaky 1")},
		"j2": {"x.xml", suiteOf("A", "a.go", "steady success 1", "flaky success 2", "broken error 1", "skips skipped 0")},
		"j3": {"x.xml", suiteOf("A", "a.go", "flaky failure 4")},
		"j4": {"x.xml", suiteOf("A", "a.go", "mended success 1")},
		"j5": {"x.xml", suiteOf("A", "a.go", "elsewhere success 1")},
		"j6": {"x.xml", suiteOf("A", "a.go", "flaky failure 1") + suiteOf("A", "a.go", "flaky success 1")},
	}
	all := []core.TestUpload{
		first, later("j2", 2, nil), later("j3", 3, func(u *core.TestUpload) { u.WorkflowName = "nightly" }),
		later("j4", 4, func(u *core.TestUpload) { u.Revision = "def" }),                  // mended by a commit
		later("j5", 5, func(u *core.TestUpload) { u.JobName = "on-windows" }),            // another job
		later("j6", 6, func(u *core.TestUpload) { u.Revision = "" }),                     // a working copy
		later("j7", 7, func(u *core.TestUpload) { u.Project, u.Revision = "p2", "abc" }), // another project
	}
	uploads["j7"] = uploads["j1"]
	each(t, func(t *testing.T, b *bench) {
		// In any order, and compared after each or at the end: the same comes out.
		for _, u := range order(t.Name(), all) {
			b.take(u, uploads[string(u.Job)]...)
			b.compareDue()
		}
		b.compareDue()
		got, err := b.FlakyTests(t.Context(), "project")
		want := []core.FlakyTest{
			{Name: "flaky", ClassName: "A", File: "a.go", Source: "junit", Times: 2, Wasted: 6, JobName: "test", JobNumber: 3,
				Workflow: "workflow", WorkflowName: "nightly", PipelineNumber: 3, At: began.Add(3 * time.Minute)},
			{Name: "retried", ClassName: "A", File: "a.go", Source: "junit", Times: 1, JobName: "test", JobNumber: 1,
				Workflow: "workflow", WorkflowName: "main", PipelineNumber: 3, At: began.Add(time.Minute)},
		}
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%v, differs (-want +got):\n%s", err, diff)
		}
		b.now = began.Add(b.cfg.FlakyWindow + 2*time.Minute)
		if got, err = b.FlakyTests(t.Context(), "project"); err != nil || len(got) != 1 || got[0].Name != "flaky" {
			t.Errorf("got %+v, %v at the end of the window", got, err)
		}
	})
}
