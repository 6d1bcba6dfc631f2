// SPDX-License-Identifier: MPL-2.0

package results

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/junit"
)

// Bounds of what is read of one upload, beside those that an operator sets.
const (
	maxFiles    = 50_000
	maxProblems = 100
	maxFileName = 1 << 10
	// messageBudget is how many bytes of messages an upload's tests may have
	// together before they are cut to their first words.
	messageBudget = 32 << 20
	firstWords    = 500
)

// readTar goes through the files of an upload.
func (s *Service) readTar(in io.Reader, upload string) (*findings, error) {
	found := &findings{upload: upload, most: s.cfg.Tests}
	bounded := &io.LimitedReader{R: in, N: s.cfg.UploadBytes}
	files := tar.NewReader(bounded)
	for n := 0; ; n++ {
		head, err := files.Next()
		if errors.Is(err, io.EOF) {
			return found, found.pack()
		}
		if err == nil && n < maxFiles && !found.full {
			if head.Typeflag == tar.TypeReg {
				err = s.readFile(files, clip(head.Name, maxFileName), found)
			}
			if err == nil {
				continue
			}
		}
		if stop, err := ended(err, bounded.N <= 0, found, s.cfg); stop {
			return found, errors.Join(err, found.pack())
		}
	}
}

// ended tells whether the reading of an upload comes to its end before the tar's,
// and why: for a reason that people see and that another try would not change, or
// with an error.
func ended(err error, beyond bool, found *findings, cfg Config) (bool, error) {
	switch {
	case found.full:
		found.problem("", fmt.Sprintf("There are more than %d tests; the first of them count.", cfg.Tests))
	case err == nil:
		found.problem("", fmt.Sprintf("There are more than %d files; the first of them count.", maxFiles))
	case beyond:
		found.problem("", fmt.Sprintf("The files are longer than %d MiB together; what stands before counts.", cfg.UploadBytes>>20))
	case errors.Is(err, tar.ErrHeader):
		found.problem("", "The archive of the files is damaged; what stands before counts.")
	default:
		return true, fmt.Errorf("reading an archive of test results: %w", err)
	}
	return true, nil
}

// readFile parses one file. What is wrong with it is a problem, and no error.
func (s *Service) readFile(in io.Reader, name string, found *findings) error {
	limits := junit.DefaultLimits()
	limits.Bytes, limits.Message, limits.Tests = s.cfg.FileBytes, s.cfg.MessageBytes, s.cfg.Tests
	err := junit.Parse(in, limits, found.add)
	var wrong *junit.FileError
	switch {
	case errors.As(err, &wrong):
		found.problem(name, wrong.Error())
		return nil
	case errors.Is(err, errFull):
		return nil
	default:
		return err
	}
}

// errFull ends the reading of a file whose upload has as many tests as may be.
var errFull = errors.New("as many tests as may be")

// partTests is how many tests are in a part, and partBytes about how many bytes
// of messages.
const (
	partTests = 1000
	partBytes = 2 << 20
)

// findings are what was read of an upload.
type findings struct {
	upload   string
	most     int  // tests
	full     bool // there are more
	tests    int
	failed   int
	results  map[core.TestResult]int
	messages int // bytes
	parts    []*partRow
	problems []*problemRow
	seconds  map[core.TestKey]map[string]float64

	open      []kept // of the part that is being filled
	openBytes int
}

// add takes one test.
func (f *findings) add(t junit.Test) error {
	if f.tests == f.most {
		f.full = true
		return errFull
	}
	if f.results == nil {
		f.results = map[core.TestResult]int{}
		f.seconds = map[core.TestKey]map[string]float64{core.TestByFile: {}, core.TestByClassName: {}, core.TestByName: {}}
	}
	f.tests++
	f.results[t.Result]++
	if t.Result.Failed() {
		f.failed++
	}
	if f.messages += len(t.Message); f.messages > messageBudget {
		t.Message = clip(t.Message, firstWords)
	}
	for key, name := range map[core.TestKey]string{core.TestByFile: t.File, core.TestByClassName: t.ClassName, core.TestByName: t.Name} {
		if name != "" {
			f.seconds[key][name] += t.RunTime
		}
	}
	f.open = append(f.open, kept{Test: t.Test, Flaked: t.Flaked})
	if f.openBytes += len(t.Message); len(f.open) == partTests || f.openBytes > partBytes {
		return f.pack()
	}
	return nil
}

// pack ends a part.
func (f *findings) pack() error {
	if len(f.open) == 0 {
		return nil
	}
	packed, err := packTests(f.open)
	if err != nil {
		return err
	}
	row := &partRow{Upload: f.upload, Part: len(f.parts), Tests: len(f.open), Packed: packed}
	for _, t := range f.open {
		if t.Result.Failed() {
			row.Failed++
		}
		if t.Flaked > 0 {
			row.Flaked++
		}
	}
	f.parts, f.open, f.openBytes = append(f.parts, row), f.open[:0], 0
	return nil
}

// problem notes what people should know of a file, "" for all of them.
func (f *findings) problem(file, message string) {
	if len(f.problems) < maxProblems {
		f.problems = append(f.problems, &problemRow{Upload: f.upload, Number: len(f.problems), File: file, Message: message})
	}
}

// timings are the rows of durations.
func (f *findings) timings(upload string) []*timingRow {
	var rows []*timingRow
	for _, key := range []core.TestKey{core.TestByFile, core.TestByClassName, core.TestByName} {
		if len(f.seconds[key]) > 0 {
			rows = append(rows, &timingRow{Upload: upload, Kind: key, Packed: packSeconds(f.seconds[key])})
		}
	}
	return rows
}
