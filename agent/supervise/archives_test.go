// SPDX-License-Identifier: MPL-2.0

package supervise

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/muster-ci/muster/agent/agenttest"
	"github.com/muster-ci/muster/agent/process"
	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/wire"
)

// line is a sequence of jobs that share a server and its archives.
type line struct {
	t         *testing.T
	server    *agenttest.Server
	copies    string
	change    func(*core.TaskSpec) // of the tasks, nil for nothing
	transfers Transfers
	yield     time.Duration
}

func newLine(t *testing.T) *line {
	return &line{t: t, server: agenttest.New(t, core.ClaimedTask{}, wire.Limits{Heartbeat: time.Second, StepBytes: 1 << 20}), copies: t.TempDir()}
}

// job runs steps in a home folder of their own and returns that, the status,
// and the output of the steps of the plan.
func (l *line) job(steps ...core.StepPlan) (home, status string, outputs []string) {
	l.t.Helper()
	return l.jobIn(l.t.TempDir(), steps...)
}

func (l *line) jobIn(home string, steps ...core.StepPlan) (_, status string, outputs []string) {
	l.t.Helper()
	var task core.ClaimedTask
	task.Spec.Plan.Name, task.Spec.Number = "build", 7
	task.Spec.Pipeline.Source.Branch, task.Spec.Pipeline.Source.Revision = "main", "abc123"
	for i := range steps {
		steps[i].Name = string(steps[i].Kind)
	}
	task.Spec.Plan.Steps = steps
	task.Secrets = []core.EnvVar{{Name: "FLAVOR", Value: "sweet"}}
	if l.change != nil {
		l.change(&task.Spec)
	}
	l.server.SetTask(task)
	path := filepath.Join(l.t.TempDir(), "identity")
	must(l.t, os.WriteFile(path, []byte(agenttest.Identity), 0o600))
	a, err := New(Config{Addresses: []string{l.server.URL}, IdentityFile: path, SpoolDir: l.t.TempDir(), ClaimFor: 5 * time.Second,
		Linger: 5 * time.Second, Environ: []string{"HOME=" + home, "PATH=" + os.Getenv("PATH")}, CopiesDir: l.copies, Transfers: l.transfers, Yield: l.yield},
		Deps{Logger: hclog.NewNullLogger(), Clock: time.Now, NewID: core.NewID, Processes: process.NewTable()})
	must(l.t, err)
	must(l.t, a.Run(l.t.Context()))
	for _, e := range l.server.Events() {
		switch {
		case e.Type == wire.StepStarted && e.Kind != "spin_up" && e.Kind != "environment":
			outputs = append(outputs, l.server.Output(e.Step))
		case e.Type == wire.TaskEnded:
			status = string(e.Status)
		}
	}
	return home, status, outputs
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func run(command string) core.StepPlan {
	return core.StepPlan{Kind: core.StepRun, Run: &core.RunStep{Command: command}}
}

func save(key string, paths ...string) core.StepPlan {
	return core.StepPlan{Kind: core.StepSaveCache, SaveCache: &core.SaveCacheStep{Key: key, Paths: paths}}
}

func restore(keys ...string) core.StepPlan {
	return core.StepPlan{Kind: core.StepRestoreCache, RestoreCache: &core.RestoreCacheStep{Keys: keys}}
}

func persist(root string, paths ...string) core.StepPlan {
	return core.StepPlan{Kind: core.StepPersistToWorkspace, PersistToWorkspace: &core.PersistToWorkspaceStep{Root: root, Paths: paths}}
}

func attach(at string) core.StepPlan {
	return core.StepPlan{Kind: core.StepAttachWorkspace, AttachWorkspace: &core.AttachWorkspaceStep{At: at}}
}

func artifacts(path, destination string) core.StepPlan {
	return core.StepPlan{Kind: core.StepStoreArtifacts, StoreArtifacts: &core.StoreArtifactsStep{Path: path, Destination: destination}}
}

// says fails the test unless text has all the parts.
func says(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("without %q:\n%s", part, text)
		}
	}
}

func content(t *testing.T, at, want string) {
	t.Helper()
	if got, err := os.ReadFile(at); err != nil || string(got) != want {
		t.Errorf("%s holds %.40q, not %q: %v", at, got, want, err)
	}
}

func TestCacheThroughTwoJobs(t *testing.T) {
	t.Parallel()
	l := newLine(t)
	elsewhere := filepath.Join(t.TempDir(), "absolute")
	prepare := run(`mkdir -p deps/a ~/.tool "` + elsewhere + `"; echo 1 > deps/a/x; echo 2 > ~/.tool/y; echo 3 > ` + elsewhere + `/z; echo one > file; echo lock > lock`)
	key := `v1-{{ .Branch }}-{{ .Environment.FLAVOR }}-{{ checksum "lock" }}-{{ arch }}-{{ .BuildNum }}-{{ .Revision }}-{{ .Environment.NONE }}`
	_, status, out := l.job(prepare, restore("v1-"), save(key, "deps", "~/.tool", elsewhere, "file", "missing"))
	if status != "success" {
		t.Fatalf("%s: %q", status, out)
	}
	says(t, out[1], "No cache is found for key: v1-")
	says(t, out[2], "Creating cache archive...", "could not archive", "missing - Not found", "Stored Cache to v1-main-", "-7-abc123-<no value>",
		"  * "+elsewhere, "Total size uploaded")
	if a := l.server.Archives()[0]; !strings.Contains(a.Begin.Key, "-sweet-") || a.Begin.Step != 4 {
		t.Errorf("began with %+v", a.Begin)
	}
	must(t, os.RemoveAll(elsewhere))
	again := save(key, "deps")
	home, status, out := l.job(run("echo lock > lock"), restore("v2-", "v1-main-"), again)
	if status != "success" {
		t.Fatalf("%s: %q", status, out)
	}
	says(t, out[1], "No cache is found for key: v2-", "Found a cache from 2026-", "at v1-main-", "Cached paths:", "  * "+home+"/.tool", "Unarchiving cache")
	says(t, out[2], "Skipping cache generation, cache already exists for key: v1-main-")
	content(t, home+"/project/deps/a/x", "1\n")
	content(t, home+"/.tool/y", "2\n")
	content(t, elsewhere+"/z", "3\n")
	content(t, home+"/project/file", "one\n")
}

// TestACacheIsNoReasonToFail: not even with everything down; a key that cannot
// be made is.
func TestACacheIsNoReasonToFail(t *testing.T) {
	t.Parallel()
	l := newLine(t)
	l.server.SetFault(func(_ int, path string) agenttest.Fault {
		if strings.Contains(path, "archives") {
			return agenttest.Forbid
		}
		return agenttest.None
	})
	_, status, out := l.job(run("echo > file"), restore("k"), save("k", "file"), save("k", "none"))
	if status != "success" {
		t.Fatalf("%s: %q", status, out)
	}
	says(t, out[1], "Warning: no cache was restored: the test says so")
	says(t, out[2], "Warning: the cache was not stored: the test says so")
	says(t, out[3], "Warning: none of the paths is there")
	for key, reason := range map[string]string{`{{ checksum "none" }}`: "error computing cache key", strings.Repeat("k", 901): "the limit is 900"} {
		if _, status, out := l.job(restore(key)); status != "failed" || !strings.Contains(out[0], reason) {
			t.Errorf("%.20s: %s: %q", key, status, out)
		}
	}
}

// TestADamagedCacheIsAWarning: the store gives other bytes than it was given.
func TestADamagedCacheIsAWarning(t *testing.T) {
	t.Parallel()
	l := newLine(t)
	l.copies = ""
	l.job(run("echo > file"), save("k", "file"))
	l.server.Objects.Change("archive-0/0", func(p []byte) []byte { p[5] ^= 1; return p })
	if _, status, out := l.job(restore("k")); status != "success" || !strings.Contains(out[0], "Warning: the cache was not restored") || !strings.Contains(out[0], "SHA-256") {
		t.Errorf("%s: %q", status, out)
	}
}

// TestACacheHasItsTime: a store that fails in no way but brings nothing to its
// end keeps a job for so long and no longer.
func TestACacheHasItsTime(t *testing.T) {
	t.Parallel()
	l := newLine(t)
	l.copies = ""
	l.job(run("echo > file"), save("k", "file"))
	l.transfers = Transfers{Stall: time.Hour, CacheLimit: 200 * time.Millisecond}
	l.server.Objects.SetFault(func(int, string, string) agenttest.ObjectFault { return agenttest.Hangs })
	_, status, out := l.job(run("echo > file"), restore("k"), save("other", "file"))
	if status != "success" {
		t.Fatalf("%s: %q", status, out)
	}
	says(t, out[1], "Warning: the cache was not restored, or not all of it: ", "it took longer than 200ms")
	says(t, out[2], "Warning: the cache was not stored: it took longer than 200ms")
}

func TestWorkspaceThroughThreeJobs(t *testing.T) {
	t.Parallel()
	l := newLine(t)
	l.server.SetLayer(agenttest.Layer{Job: "first"})
	_, status, out := l.job(run("mkdir -p out/bin out/doc; echo 1 > out/bin/tool; echo 2 > out/bin/lib; echo 3 > out/doc/page; echo 4 > out/other"), persist("out", "bin/*", "doc", "none*"))
	if status != "success" {
		t.Fatalf("%s: %q", status, out)
	}
	says(t, out[1], "Creating workspace archive", "Nothing matches none*", "Persisted 4 files")
	l.server.SetLayer(agenttest.Layer{Job: "second", Upstream: []int{0}})
	_, status, out = l.job(attach("ws"), run("echo new > ws/bin/tool; echo 5 > ws/more"), persist("ws", "."))
	if status != "success" {
		t.Fatalf("%s: %q", status, out)
	}
	home, status, out := l.job(attach("~/all"))
	if status != "success" {
		t.Fatalf("%s: %q", status, out)
	}
	says(t, out[0], "Downloading workspace layers\n  first - ", "  second - ", "Applying workspace layers\n  first\n")
	for name, want := range map[string]string{"bin/tool": "new\n", "bin/lib": "2\n", "doc/page": "3\n", "more": "5\n"} {
		content(t, filepath.Join(home, "all", name), want)
	}
	if _, err := os.Stat(filepath.Join(home, "all/other")); err == nil {
		t.Error("what was not persisted came along")
	}
}

func TestConflictsNameTheJobsAndTheFile(t *testing.T) {
	t.Parallel()
	l := newLine(t)
	for _, job := range []string{"left", "right"} {
		l.server.SetLayer(agenttest.Layer{Job: job})
		if _, status, out := l.job(run("mkdir -p d; echo "+job+" > d/same; echo > d/"+job), persist(".", "d")); status != "success" {
			t.Fatal(out)
		}
	}
	home, status, out := l.job(attach("."), run("echo not reached"))
	if status != "failed" || len(out) != 1 {
		t.Fatalf("%s: %q", status, out)
	}
	says(t, out[0], "Concurrent upstream jobs persisted the same file(s) into the workspace:\n  - d/same (left and right)")
	content(t, home+"/project/d/same", "left\n")
}

func TestPersistSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	l := newLine(t)
	for reason, step := range map[string]core.StepPlan{
		"Error locating workspace root directory":   persist("none", "x"),
		"The specified paths did not match any fil": persist(".", "none"),
		"leads out of the workspace's root":         persist(".", "../x"),
		"cannot be read as a pattern":               persist(".", "a[", "x"),
	} {
		if _, status, out := l.job(step); status != "failed" || !strings.Contains(out[0], reason) {
			t.Errorf("%s: %s: %q", reason, status, out)
		}
	}
	if _, status, out := l.job(attach("w")); status != "success" || !strings.Contains(out[0], "No job that this one comes after") {
		t.Errorf("nothing to attach: %s: %q", status, out)
	}
}

func TestArtifacts(t *testing.T) {
	t.Parallel()
	l := newLine(t)
	out := filepath.Join(t.TempDir(), "out")
	prepare := run(`mkdir -p dist/sub ` + out + `; printf abc > dist/a; printf defg > dist/sub/b; ln -s a dist/link; ln -s . dist/self; ln -s none dist/dangling; printf hi > report.txt; printf abs > ` + out + `/c; mkfifo dist/pipe`)
	_, status, outputs := l.job(prepare, artifacts("dist", "things/"), artifacts("report.txt", "summary"), artifacts(out, ""), artifacts("~/project/report.txt", "reports/"), artifacts("none", ""),
		run("exit 1"), run("not reached"), artifacts("./report.txt", ""))
	if status != "failed" || len(outputs) != 8 {
		t.Fatalf("%s: %q", status, outputs)
	}
	says(t, outputs[1], "Uploading", "to things", "self was left out", "dangling was left out", "pipe was left out", "Uploaded 3 files", "uploaded: 10 B")
	says(t, outputs[5], "No artifact files found at")
	got := map[string]int64{}
	for _, a := range l.server.Archives() {
		if !a.Committed {
			t.Errorf("%+v was not committed", a.Begin)
		}
		for _, e := range a.Commit.Entries {
			got[fmt.Sprintf("%d %s", a.Begin.Step, e.Path)] = e.Size
		}
	}
	for name, size := range map[string]int64{"3 things/a": 3, "3 things/sub/b": 4, "3 things/link": 3, "4 summary": 2,
		"5 " + strings.TrimPrefix(out, "/") + "/c": 3, "6 reports/report.txt": 2, "9 report.txt": 2} {
		if have, ok := got[name]; !ok || have != size {
			t.Errorf("%s: %d bytes, want %d, of %v", name, have, size, got)
		}
	}
	if len(got) != 7 {
		t.Errorf("artifacts: %v", got)
	}
}

// TestManyArtifactsAreSeenAsTheyCome: a step's files are in several archives.
func TestManyArtifactsAreSeenAsTheyCome(t *testing.T) {
	t.Parallel()
	l := newLine(t)
	_, status, out := l.job(run("mkdir d; cd d; for i in $(seq 4500); do echo $i > $i; done"), artifacts("d", ""))
	if status != "success" {
		t.Fatalf("%s: %q", status, out)
	}
	files := 0
	all := l.server.Archives()
	for _, a := range all {
		files += len(a.Commit.Entries)
	}
	if files != 4500 || len(all) != 3 {
		t.Errorf("%d files in %d archives", files, len(all))
	}
}

// TestArtifactsFailWithTheStore: in clear words.
func TestArtifactsFailWithTheStore(t *testing.T) {
	t.Parallel()
	l := newLine(t)
	l.server.SetFault(func(_ int, path string) agenttest.Fault {
		if strings.Contains(path, "archives") {
			return agenttest.Forbid
		}
		return agenttest.None
	})
	_, status, out := l.job(run("echo > file"), artifacts("file", ""), persist(".", "file"))
	if status != "failed" || len(out) != 2 {
		t.Fatalf("%s: %q", status, out)
	}
	says(t, out[1], "Error storing artifacts: the test says so")
}
