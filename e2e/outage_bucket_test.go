// SPDX-License-Identifier: MPL-2.0

//go:build e2e

package e2e_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/muster-ci/muster/e2e/cluster"
	"github.com/muster-ci/muster/e2e/scenario"
)

// keptThrough is a config of a job that keeps several parts in all ways, and of
// one that waits for a word, brings them back and compares. The folder is this
// machine's.
const keptThrough = `version: 2.1
jobs:
  keep:
    machine: true
    steps:
      - run:
          name: Make
          command: |
            mkdir data results
            head -c 120000000 /dev/urandom > data/noise
            (cd data && sha256sum noise > sum) && cp data/sum %[1]s/sum
            echo '<testsuite name="s"><testcase classname="C" name="works" time="1"/></testsuite>' > results/junit.xml
      - save_cache: { name: Save, key: v1, paths: [data] }
      - persist_to_workspace: { name: Persist, root: ., paths: [data] }
      - store_artifacts: { name: Artifacts, path: data/noise, destination: noise }
      - store_test_results: { name: Results, path: results }
  use:
    machine: true
    steps:
      - run: { name: Wait, command: "until [ -e %[1]s/go ]; do sleep 0.1; done" }
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

// testBucketAway has the object store end while a whole build comes and goes,
// then in the midst of what a build keeps, and then before what it brings back.
// The steps say so and go on when it is there again, and all bytes are those that
// were made.
func testBucketAway(t *testing.T, c *cluster.Cluster, p *scenario.Platform, b *longBuild) {
	undisturbed(t, c, func() {
		before := b.lines(t)
		must(t, c.KillBucket(t.Context()))
		defer func() { must(t, c.StartBucket(t.Context())) }() // also when this was too much
		b.small(t, p)
		b.arrives(t, p, b.lines(t))
		b.goesOn(t, before)
		must(t, c.StartBucket(t.Context()))

		k := &keptBuild{slug: p.Project(t, "bucket-away"), dir: t.TempDir()}
		known, err := c.Objects("archives/")
		must(t, err)
		k.id = p.Trigger(t, k.slug, fmt.Sprintf(keptThrough, k.dir))
		must(t, c.AwaitObject(t.Context(), "archives/", known))
		must(t, c.KillBucket(t.Context()))
		k.inTrouble(t, p, "keep", "Save", "Persist", "Artifacts")
		must(t, c.StartBucket(t.Context()))
		p.Await(t, k.id, "all is kept", func(s scenario.State) bool {
			return len(s.Jobs) == 2 && s.Job(t, "keep").Status == "success" && s.Job(t, "use").Status == "running"
		})

		must(t, c.ForgetCopies())
		must(t, c.KillBucket(t.Context()))
		must(t, os.WriteFile(filepath.Join(k.dir, "go"), nil, 0o644))
		k.inTrouble(t, p, "use", "Restore")
		must(t, c.StartBucket(t.Context()))
		k.checkAll(t, p)
	})
}

// keptBuild is a build of keptThrough.
type keptBuild struct {
	slug, id, dir string
	troubled      []string // "job/step" that have told of trouble
}

// inTrouble waits until one of the steps says that it has trouble.
func (k *keptBuild) inTrouble(t *testing.T, p *scenario.Platform, job string, steps ...string) {
	t.Helper()
	p.Await(t, k.id, "a step of "+job+" tells of trouble", func(s scenario.State) bool {
		for _, step := range steps {
			out, err := p.StepOutput(t.Context(), s.Job(t, job).ID, step)
			if err == nil && bytes.Contains(out, []byte("Trouble with the ")) {
				k.troubled = append(k.troubled, job+"/"+step)
				return true
			}
		}
		return false
	})
}

// checkAll waits for the end and compares all that was kept.
func (k *keptBuild) checkAll(t *testing.T, p *scenario.Platform) {
	t.Helper()
	end := p.AwaitEnd(t, k.id)
	for _, job := range end.Jobs {
		if job.Status != "success" {
			t.Errorf("%s: got %s (%s), want success", job.Name, job.Status, job.Reason)
		}
		if n := len(attemptsOf(t, p, job.ID)); n != 1 {
			t.Errorf("%s took %d attempts, want 1", job.Name, n)
		}
	}
	for _, at := range k.troubled {
		job, step, _ := strings.Cut(at, "/")
		out, err := p.StepOutput(t.Context(), end.Job(t, job).ID, step)
		if err != nil || !bytes.Contains(out, []byte("Going on: ")) {
			t.Errorf("%s does not say that it goes on: %v\n%s", at, err, out)
		}
		t.Logf("%s said:\n%s", at, out)
	}
	k.checkArtifact(t, p, end.Job(t, "keep").JobNumber)
	p.Await(t, k.id, "the tests are read", func(scenario.State) bool {
		tests, err := p.Client.Tests(t.Context(), k.slug, end.Job(t, "keep").JobNumber, false)
		return err == nil && tests.Pending == 0 && len(tests.Items) == 1
	})
}

// checkArtifact fetches the one artifact and compares it with what was made.
func (k *keptBuild) checkArtifact(t *testing.T, p *scenario.Platform, number int64) {
	t.Helper()
	items, err := p.Client.Artifacts(t.Context(), k.slug, number)
	if err != nil || len(items) != 1 {
		t.Fatalf("got the artifacts %+v, %v; want one", items, err)
	}
	sum := sha256.New()
	if _, err := p.Client.DownloadArtifact(t.Context(), items[0], sum); err != nil {
		t.Fatalf("fetching %s: %v", items[0].Path, err)
	}
	made, err := os.ReadFile(filepath.Join(k.dir, "sum"))
	must(t, err)
	if got := hex.EncodeToString(sum.Sum(nil)); !strings.HasPrefix(string(made), got+" ") {
		t.Errorf("the artifact has the SHA-256 %s, what was made has %s", got, made)
	}
}
