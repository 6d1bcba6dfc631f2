// SPDX-License-Identifier: MPL-2.0

package supervise

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/muster-ci/muster/agent/agenttest"
	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/sealed"
)

func testResults(path string) core.StepPlan {
	return core.StepPlan{Kind: core.StepStoreTestResults, StoreTestResults: &core.StoreTestResultsStep{Path: path}}
}

// files are those of a tar that the agent has kept.
func (l *line) files(a agenttest.Archive) map[string]string {
	l.t.Helper()
	box, err := sealed.New(a.Begun.Secret)
	must(l.t, err)
	var plain []byte
	for i := range a.Commit.Parts {
		l.server.Objects.Change(fmt.Sprintf("%s/%d", a.Begun.ID, i), func(stored []byte) []byte {
			plain, err = box.Open(plain, i, stored)
			must(l.t, err)
			return stored
		})
	}
	d, err := zstd.NewReader(bytes.NewReader(plain))
	must(l.t, err)
	defer d.Close()
	found := map[string]string{}
	for files := tar.NewReader(d); ; {
		head, err := files.Next()
		if errors.Is(err, io.EOF) {
			return found
		}
		must(l.t, err)
		text, err := io.ReadAll(files)
		must(l.t, err)
		found[head.Name] = string(text)
	}
}

// TestTestResults keeps a folder and a file after a failure, without secrets.
func TestTestResults(t *testing.T) {
	t.Parallel()
	l := newLine(t)
	prepare := run(`mkdir -p out/deep out/.hidden; cd out; printf '<testsuite name="sweet"/>' > a.xml; printf '[{"uri":"sweet"}]' > deep/cucumber.json
		printf '{"coverage":1}' > coverage.json; printf no > notes.txt; printf no > .hidden/b.xml; ln -s a.xml link.xml; mkdir sweets; printf '<a/>' > sweets/c.XML
		printf '\xff\xfe<\0s\0w\0e\0e\0t\0/\0>\0' > wide.trx; printf '<b/>' > ../one.txt`)
	_, status, out := l.job(prepare, run("exit 1"), run("not reached"), testResults("out"), testResults("one.txt"))
	if status != "failed" || len(out) != 4 {
		t.Fatalf("%s: %q", status, out)
	}
	says(t, out[2], "Archiving the following test results", "/project/out", "Uploaded 4 files")
	says(t, out[3], "one.txt", "Uploaded 1 files, 4 B")
	all := l.server.Archives()
	if len(all) != 2 || all[0].Begin.Kind != core.ArchiveTestResults || !all[0].Committed || all[0].Commit.Files != 4 {
		t.Fatalf("archives: %+v", all)
	}
	const mark = "****************"
	want := map[string]string{
		"a.xml": `<testsuite name="` + mark + `"/>`, "deep/cucumber.json": `[{"uri":"` + mark + `"}]`, mark + "s/c.XML": "<a/>", "wide.trx": "<" + mark + "/>",
	}
	if diff := cmp.Diff(want, l.files(all[0])); diff != "" {
		t.Errorf("files differ (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{"one.txt": "<b/>"}, l.files(all[1])); diff != "" {
		t.Errorf("files differ (-want +got):\n%s", diff)
	}
}

// TestNoTestResults: nothing about them fails a job.
func TestNoTestResults(t *testing.T) {
	t.Parallel()
	l := newLine(t)
	_, status, out := l.job(run("mkdir empty; mkfifo pipe"), testResults("none"), testResults("empty"), testResults("pipe"), run("echo goes on"))
	if status != "success" || len(out) != 5 {
		t.Fatalf("%s: %q", status, out)
	}
	says(t, out[1], "Unable to save test results from", "none", "no such file or directory", "Found no test results, skipping")
	says(t, out[2], "Found no test results, skipping")
	says(t, out[3], "neither a file nor a folder")
	if n := len(l.server.Archives()); n != 0 {
		t.Errorf("%d archives were begun", n)
	}
}

func TestTestResultsWithoutAStore(t *testing.T) {
	t.Parallel()
	l := newLine(t)
	l.server.SetFault(func(_ int, path string) agenttest.Fault {
		if strings.Contains(path, "archives") {
			return agenttest.Forbid
		}
		return agenttest.None
	})
	_, status, out := l.job(run("echo '<a/>' > a.xml"), testResults("a.xml"), run("echo goes on"))
	if status != "success" || len(out) != 3 {
		t.Fatalf("%s: %q", status, out)
	}
	says(t, out[1], "Warning: the test results could not be kept")
}

// TestTestResultsNotAfterATimeout: what was canceled or timed out keeps nothing.
func TestTestResultsNotAfterATimeout(t *testing.T) {
	t.Parallel()
	l := newLine(t)
	silent := run("echo '<a/>' > a.xml; tail -f /dev/null")
	silent.Run.NoOutputTimeout = 200 * time.Millisecond
	_, status, out := l.job(silent, testResults("a.xml"))
	if status != "timedout" || len(out) != 1 || len(l.server.Archives()) != 0 {
		t.Errorf("%s: %q, %d archives", status, out, len(l.server.Archives()))
	}
}
