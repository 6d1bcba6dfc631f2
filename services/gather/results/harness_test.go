// SPDX-License-Identifier: MPL-2.0

package results

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/hints"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/store/storetest"
)

// began is when the tests' clocks stand.
var began = time.Date(2026, 4, 2, 9, 0, 0, 0, time.UTC)

// shelf is core.Archives as far as results needs it. What it is asked for and
// does not have is CodeUnavailable.
type shelf struct {
	mu      sync.Mutex
	files   map[core.ArchiveID][]byte
	errors  map[core.ArchiveID][]error // of the next askings
	cuts    map[core.ArchiveID]int     // the next reader breaks off after so many bytes
	opened  chan core.ArchiveID
	release chan struct{} // where not nil, readers wait for it
}

func (s *shelf) OpenArchive(_ context.Context, id core.ArchiveID) (io.ReadCloser, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case s.opened <- id:
	default:
	}
	if errs := s.errors[id]; len(errs) > 0 {
		s.errors[id] = errs[1:]
		return nil, errs[0]
	}
	text, ok := s.files[id]
	if !ok {
		return nil, core.Errorf(core.CodeUnavailable, "the shelf is out of reach")
	}
	if cut := s.cuts[id]; cut > 0 {
		delete(s.cuts, id)
		return io.NopCloser(io.MultiReader(bytes.NewReader(text[:cut]), broken{})), nil
	}
	return io.NopCloser(bytes.NewReader(text)), nil
}

// broken is the rest of a stream whose connection is gone.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// put keeps files under an id: name, content, name, content.
func (s *shelf) put(t testing.TB, id core.ArchiveID, files ...string) {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for i := 0; i < len(files); i += 2 {
		err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: files[i], Size: int64(len(files[i+1])), Mode: 0o644})
		if err == nil {
			_, err = io.WriteString(w, files[i+1])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files[id] = out.Bytes()
}

// bench is a service on a database of its own.
type bench struct {
	*Service
	t     testing.TB
	db    *store.DB
	shelf *shelf
	hints hints.Hints
	now   time.Time
}

func newBench(t testing.TB, db *store.DB, change func(*Config)) *bench {
	t.Helper()
	b := &bench{t: t, db: db, hints: hints.NewLocal(), now: began, shelf: &shelf{
		files: map[core.ArchiveID][]byte{}, errors: map[core.ArchiveID][]error{}, cuts: map[core.ArchiveID]int{}, opened: make(chan core.ArchiveID, 100),
	}}
	cfg := Default()
	if change != nil {
		change(&cfg)
	}
	s, err := New(cfg, Deps{
		Logger: hclog.NewNullLogger(), Clock: func() time.Time { return b.now }, DB: db, Hints: b.hints, Archives: b.shelf,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.MigrateEmbedded(t.Context(), migrations); err != nil {
		t.Fatal(err)
	}
	b.Service = s
	return b
}

// each runs a test on both databases.
func each(t *testing.T, f func(t *testing.T, b *bench)) {
	t.Helper()
	storetest.Each(t, "results", func(t *testing.T, open func() *store.DB) { f(t, newBench(t, open(), nil)) })
}

// upload is one of the job "test" number 7 on main, changed by change.
func upload(id string, change func(*core.TestUpload)) core.TestUpload {
	u := core.TestUpload{
		Archive: core.ArchiveID(id), Organization: "org", Project: "project", Pipeline: "pipeline", PipelineNumber: 3,
		Workflow: "workflow", WorkflowName: "main", Job: "job-7", JobName: "test", JobNumber: 7, Attempt: 1,
		Revision: "abc", Branch: "main", At: began,
	}
	if change != nil {
		change(&u)
	}
	return u
}

// take adds an upload with files and reads it, as the loop would.
func (b *bench) take(u core.TestUpload, files ...string) {
	b.t.Helper()
	b.shelf.put(b.t, u.Archive, files...)
	if err := b.AddResults(b.t.Context(), []core.TestUpload{u}); err != nil {
		b.t.Fatal(err)
	}
	if err := b.read(b.t.Context(), b.row(u.Archive)); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) row(id core.ArchiveID) *uploadRow {
	b.t.Helper()
	row := new(uploadRow)
	if err := b.db.NewSelect().Model(row).Where("id = ?", id).Scan(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	return row
}

// compareDue compares the revisions that are due.
func (b *bench) compareDue() {
	b.t.Helper()
	var rows []*revisionRow
	if err := b.db.NewSelect().Model(&rows).Where("due_at IS NOT NULL").Scan(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	for _, r := range rows {
		if err := b.compare(b.t.Context(), r); err != nil {
			b.t.Fatal(err)
		}
	}
}

// suiteOf writes JUnit's XML of tests: "name result seconds", all of one class
// and file.
func suiteOf(class, file string, tests ...string) string {
	var out strings.Builder
	fmt.Fprintf(&out, "<testsuite name=%q>", class)
	for _, test := range tests {
		var name, result string
		var seconds float64
		if _, err := fmt.Sscan(test, &name, &result, &seconds); err != nil {
			panic(err)
		}
		fmt.Fprintf(&out, "<testcase classname=%q file=%q name=%q time=\"%g\">", class, file, name, seconds)
		switch result {
		case "failure", "error":
			fmt.Fprintf(&out, "<%s message=\"no\"/>", result)
		case "skipped":
			out.WriteString("<skipped/>")
		case "flaky":
			out.WriteString("<flakyFailure message=\"once\"/>")
		}
		out.WriteString("</testcase>")
	}
	out.WriteString("</testsuite>")
	return out.String()
}

// names are those of tests with their results.
func names(tests []core.Test) []string {
	list := []string{}
	for _, t := range tests {
		list = append(list, t.Name+" "+string(t.Result))
	}
	return list
}
