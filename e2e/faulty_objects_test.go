// SPDX-License-Identifier: MPL-2.0

package e2e_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/muster-ci/muster/e2e/scenario"
	"github.com/muster-ci/muster/internal/objects"
)

// keeping is a config of a job that keeps 20 MB in all ways, and of one that
// brings them back and compares.
const keeping = `version: 2.1
jobs:
  keep:
    machine: true
    steps:
      - run:
          name: Make
          command: |
            mkdir data results
            head -c 20000000 /dev/urandom > data/noise
            (cd data && sha256sum noise > sum)
            echo '<testsuite name="s"><testcase classname="C" name="works" time="1"/></testsuite>' > results/junit.xml
      - save_cache: { name: Save, key: v1, paths: [data] }
      - persist_to_workspace: { name: Persist, root: ., paths: [data] }
      - store_artifacts: { name: Artifacts, path: data, destination: kept }
      - store_test_results: { name: Results, path: results }
  use:
    machine: true
    steps:
      - restore_cache: { name: Restore, keys: [v1] }
      - run: { name: Compare, command: cd data && sha256sum -c sum }
      - attach_workspace: { name: Attach, at: ~/workspace }
      - run: { name: Compare again, command: cd ~/workspace/data && sha256sum -c sum }
workflows:
  main:
    jobs:
      - keep
      - use: { requires: [keep] }
`

// TestEmbeddedObjectStoreFaults has the object store fail once for each part
// that is sent or fetched, in one way after the other. All is kept and comes
// back, and no part is sent again that has arrived.
func TestEmbeddedObjectStoreFaults(t *testing.T) {
	t.Parallel()
	o := newOutage(t, "", "MUSTER_TRANSFER_STALL=1s")
	for _, c := range []struct {
		name  string
		fault fault
		tries int      // that fail, of each part
		says  []string // in each step
	}{
		{"fails", answers(http.StatusInternalServerError), 1, []string{"Trouble with the object store: it answered 500; trying again for up to ", "Going on: the object store works again after"}},
		{"expired", answers(http.StatusForbidden), 1, []string{"it answered 403; trying again for up to ", "works again"}},
		{"breaks off", halfway, 1, []string{"Trouble with the object store: ", "works again"}},
		{"stalls", stalls, 1, []string{"nothing moved for too long; trying again", "works again"}},
		{"is away", gone, 4, []string{"Trouble with the object store: ", "works again"}},
		{"is late", late, 100, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			o.faults.set(func(r *http.Request, try int) fault {
				if toObjects(r) && try <= c.tries {
					return c.fault
				}
				return nil
			})
			slug := o.Project(t, "store")
			end := o.AwaitEnd(t, o.Trigger(t, slug, keeping))
			for _, job := range end.Jobs {
				if job.Status != "success" {
					t.Errorf("%s: got %s (%s), want success", job.Name, job.Status, job.Reason)
				}
			}
			for step, job := range map[string]string{"Save": "keep", "Persist": "keep", "Artifacts": "keep", "Restore": "use", "Attach": "use"} {
				o.says(t, end, job, step, c.says...)
			}
			o.checkParts(t, c.name)
			o.checkKept(t, slug, end)
		})
	}
}

// checkParts counts what the store was sent and asked for.
func (o *outage) checkParts(t *testing.T, name string) {
	t.Helper()
	o.faults.mu.Lock()
	defer o.faults.mu.Unlock()
	puts, gets := map[string]int{}, map[string]int64{}
	resumed := 0
	for _, p := range o.faults.passed {
		switch {
		case !strings.Contains(p.path, objects.HandlerPath):
		case p.method == http.MethodPut && p.status == http.StatusOK:
			puts[p.path]++
		case p.method == http.MethodGet:
			gets[p.path] += p.sent
			if p.began > 0 {
				resumed++
			}
		}
	}
	if len(puts) < 7 || len(gets) < 4 {
		t.Errorf("%d objects were sent and %d fetched, want 7 and 4 or more", len(puts), len(gets))
	}
	for path, n := range puts {
		if n != 1 {
			t.Errorf("%s arrived %d times", path, n)
		}
	}
	total := int64(0)
	for _, n := range gets {
		total += n
	}
	// Cache and workspace; what a cut leaves in the proxy's own buffers comes twice.
	if want := int64(2 * 20_100_000); total > want+want/20 {
		t.Errorf("%d bytes were fetched of %d: not from where a cut left them", total, want)
	}
	if wants := name == "breaks off" || name == "stalls"; wants != (resumed > 0) {
		t.Errorf("%d requests began in the midst of an object", resumed)
	}
}

// checkKept fetches an artifact and asks for the test.
func (o *outage) checkKept(t *testing.T, slug string, end scenario.State) {
	t.Helper()
	items, err := o.Platform.Client.Artifacts(t.Context(), slug, end.Job(t, "keep").JobNumber)
	if err != nil || len(items) != 2 {
		t.Fatalf("got the artifacts %+v, %v", items, err)
	}
	for _, a := range items {
		var content bytes.Buffer
		if _, err := o.Platform.Client.DownloadArtifact(t.Context(), a, &content); err != nil {
			t.Errorf("fetching %s: %v", a.Path, err)
		}
		if a.Path == "kept/noise" && content.Len() != 20_000_000 {
			t.Errorf("%s has %d bytes", a.Path, content.Len())
		}
	}
}

// TestEmbeddedObjectStoreDown has a store that never comes back. What a build can
// do without is left out with a warning, and the rest fails its step in clear
// words, within the time that a site allows.
func TestEmbeddedObjectStoreDown(t *testing.T) {
	t.Parallel()
	o := newOutage(t, "", "MUSTER_TRANSFER_PATIENCE=2s", "MUSTER_CACHE_PATIENCE=1s")
	down := func(method string) {
		o.faults.set(func(r *http.Request, _ int) fault {
			if toObjects(r) && r.Method == method {
				return answers(http.StatusServiceUnavailable)
			}
			return nil
		})
	}
	slug := o.Project(t, "down")
	down(http.MethodPut)
	end := o.AwaitEnd(t, o.Trigger(t, slug, keeping))
	keep := end.Job(t, "keep")
	if keep.Status != "failed" || !strings.Contains(keep.Reason, "Error persisting to the workspace: the object store could not be used for 2s: it answered 503; run the job again when it is back") {
		t.Errorf("got %s (%s)", keep.Status, keep.Reason)
	}
	o.says(t, end, "keep", "Save", "Trouble with the object store: it answered 503; trying again for up to 1s.", "Warning: the cache was not stored: the object store could not be used for 1s")
	o.says(t, end, "keep", "Artifacts", "Trouble with the object store", "Error storing artifacts: the object store could not be used for 2s")
	o.says(t, end, "keep", "Results", "Trouble with the object store", "Warning: the test results could not be kept: the object store could not be used for 2s")
	down(http.MethodGet)
	end = o.AwaitEnd(t, o.Trigger(t, slug, strings.Replace(keeping, "cd data && sha256sum -c sum", "echo none", 1)))
	use := end.Job(t, "use")
	if use.Status != "failed" || !strings.Contains(use.Reason, "Error applying workspace layer for job keep: ") || !strings.Contains(use.Reason, "the object store could not be used for 2s: it answered 503; run the job again") {
		t.Errorf("got %s (%s)", use.Status, use.Reason)
	}
	o.says(t, end, "use", "Restore", "Trouble with the object store", "Warning: the cache was not restored, or not all of it: ", "the object store could not be used for 1s")
}
