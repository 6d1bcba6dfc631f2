// SPDX-License-Identifier: MPL-2.0

//go:build e2e

package e2e_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/muster-ci/muster/e2e/cluster"
	"github.com/muster-ci/muster/e2e/scenario"
)

// bigCache has a cache of several parts and checks what comes back.
const bigCache = `version: 2.1
jobs:
  build:
    %s
    steps:
      - restore_cache: {name: Restore, keys: [big-v1]}
      - run:
          name: Check
          command: |
            mkdir -p ~/big && cd ~/big
            if [ -f sum ]; then
              sha256sum -c sum
            else
              dd if=/dev/urandom of=blob bs=1048576 count=40 2>/dev/null
              sha256sum blob > sum && echo made
            fi
      - save_cache: {name: Save, key: big-v1, paths: [~/big]}
`

// hostileBuild belongs to nobody of the project above. It leaves something bad
// in the place of every copy that it finds: other bytes of the same length, a
// pipe, and a link above one.
const hostileBuild = `version: 2.1
jobs:
  build:
    docker: [{image: muster-busybox:local}]
    steps:
      - save_cache: {name: Gets the folder, key: k, paths: [/etc]}
      - run:
          name: Poison
          command: |
            cd /opt/muster-copies
            n=0
            for f in */*; do
              n=$((n + 1))
              size=$(stat -c %s "$f")
              case $((n % 3)) in
                0) rm "$f" && mkfifo -m 666 "$f" ;;
                1) rm "$f" && head -c "$size" /dev/zero > "$f" ;;
                2) rm -r "${f%/*}" && ln -s /etc "${f%/*}" ;;
              esac
            done
            echo "$n copies poisoned"
`

// testCopies has caches read from the client that held them before: Nomad is
// asked for that client and the object store for nothing. With it out of reach
// the job goes elsewhere and fetches; with its copies poisoned by a build of
// another project it stays there and fetches.
func testCopies(t *testing.T, c *cluster.Cluster, p *scenario.Platform) {
	startSecond(t, c, true)
	for name, executor := range map[string]string{"docker": "docker: [{image: muster-busybox:local}]", "machine": "machine: true"} {
		t.Run(name, func(t *testing.T) {
			run := copiesRun{c: c, p: p, slug: p.Project(t, "copies-"+name), config: fmt.Sprintf(bigCache, executor)}
			// The emptier of the two, which bin packing alone would not choose.
			eligible(t, c, cluster.FirstClient, false)
			run.builds(t, cluster.SecondClient, "made", "No cache is found for key: big-v1")
			eligible(t, c, cluster.FirstClient, true)
			for range 2 {
				placing := run.builds(t, cluster.SecondClient, "blob: OK", "of it were on this client")
				if got := placing.Affinity; got[cluster.SecondClient] != 1 || got[cluster.FirstClient] != 0 {
					t.Errorf("the clients' scores for the affinity: got %v", got)
				}
			}
			if name == "docker" {
				run.poisoned(t)
			}
			eligible(t, c, cluster.SecondClient, false)
			run.builds(t, cluster.FirstClient, "blob: OK", "-of it were on this client")
			eligible(t, c, cluster.SecondClient, true)
		})
	}
}

// copiesRun is a project whose job has a cache.
type copiesRun struct {
	c            *cluster.Cluster
	p            *scenario.Platform
	slug, config string
}

// whole is what the step says of a cache that was here as a whole.
var whole = regexp.MustCompile(`(?s)Size: ([^\n]+)\n.*\n([^\n]+) of it were on this client\.`)

// builds runs the job, which has to be on a client and to say something of what
// it checked and of what it restored; behind "-", what it must not say.
func (r copiesRun) builds(t *testing.T, client, checked, restored string) cluster.Placing {
	t.Helper()
	end := r.p.AwaitEnd(t, r.p.Trigger(t, r.slug, r.config))
	job := end.Job(t, "build")
	if job.Status != "success" {
		t.Fatalf("got %s: %s", job.Status, job.Reason)
	}
	said := func(step string) string {
		out, err := r.p.StepOutput(t.Context(), job.ID, step)
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	if out := said("Check"); !strings.Contains(out, checked) {
		t.Errorf("got %q, want %q in it", out, checked)
	}
	out, absent := said("Restore"), strings.HasPrefix(restored, "-")
	if strings.Contains(out, strings.TrimPrefix(restored, "-")) == absent {
		t.Errorf("%q: got\n%s", restored, out)
	}
	if size := whole.FindStringSubmatch(out); size != nil && size[1] != size[2] {
		t.Errorf("%s of %s came from the copies", size[2], size[1])
	}
	steps, err := r.p.Client.JobSteps(t.Context(), job.ID)
	if err != nil {
		t.Fatal(err)
	}
	placing, err := r.c.Placed(t.Context(), steps.Tasks[0].Attempts[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	if placing.Client != client {
		t.Errorf("placed on %s, want %s; scores for the affinity: %v", placing.Client, client, placing.Affinity)
	}
	return placing
}

// poisoned lets a hostile build of another project at the copies of the client,
// and builds once more: all is fetched, and here again the next time.
func (r copiesRun) poisoned(t *testing.T) {
	t.Helper()
	eligible(t, r.c, cluster.FirstClient, false)
	end := r.p.AwaitEnd(t, r.p.Trigger(t, r.p.Project(t, "copies-hostile"), hostileBuild))
	out, err := r.p.StepOutput(t.Context(), end.Job(t, "build").ID, "Poison")
	if err != nil || !regexp.MustCompile(`[3-9] copies poisoned`).Match(out) {
		t.Fatalf("the hostile build ended as %+v; %v\n%s", end.Job(t, "build"), err, out)
	}
	eligible(t, r.c, cluster.FirstClient, true)
	r.builds(t, cluster.SecondClient, "blob: OK", "-of it were on this client")
	r.builds(t, cluster.SecondClient, "blob: OK", "of it were on this client")
}
