// SPDX-License-Identifier: MPL-2.0

package results

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/work"
)

const (
	uploadsTopic   = "results.uploads"
	revisionsTopic = "results.revisions"
	// compareAfter lets the uploads of a job's tasks come together before what
	// they say of a revision is compared.
	compareAfter = 2 * time.Second
)

// readLoop reads uploads. Each is a batch of its own: it may take minutes.
func (s *Service) readLoop() (func(context.Context) error, error) {
	loop, err := work.New(work.Config[*uploadRow]{
		Name: "results.read", Table: "uploads", DB: s.deps.DB, Hints: s.deps.Hints, Topic: uploadsTopic,
		Clock: s.deps.Clock, Logger: s.deps.Logger, Metrics: s.deps.Metrics,
		Batch: 1, Workers: s.cfg.Readers, Handle: s.readAll,
	})
	if err != nil {
		return nil, err
	}
	return loop.Run, nil
}

func (s *Service) readAll(ctx context.Context, rows []*uploadRow) []work.Result {
	results := make([]work.Result, len(rows))
	for i, u := range rows {
		results[i] = work.Done()
		if err := s.read(ctx, u); err != nil {
			results[i] = work.Fail(err)
		}
	}
	return results
}

// read takes one upload from its archive to its rows. Nothing is written before
// all was read, so that a reader that dies leaves the upload as it was.
func (s *Service) read(ctx context.Context, u *uploadRow) error {
	began := time.Now()
	reading, cancel := context.WithTimeout(ctx, s.cfg.ReadTime)
	defer cancel()
	found, err := s.open(reading, u)
	if err != nil && ctx.Err() == nil && errors.Is(reading.Err(), context.DeadlineExceeded) {
		// Another try would take as long.
		found = &findings{upload: u.ID}
		found.problem("", fmt.Sprintf("Reading the files took longer than %s, so that none of their tests count. They stay as they are; keep less in one step.", s.cfg.ReadTime))
		err = nil
	}
	if err != nil {
		return err
	}
	if err := s.write(ctx, u, found); err != nil {
		return err
	}
	s.observe(u, found, time.Since(began))
	return nil
}

// open reads an upload's archive.
func (s *Service) open(ctx context.Context, u *uploadRow) (*findings, error) {
	tar, err := s.deps.Archives.OpenArchive(ctx, u.archive())
	if core.ErrorCode(err) == core.CodeNotFound {
		found := &findings{upload: u.ID}
		found.problem("", "The files of test results are not kept any more, so that they could not be read.")
		return found, nil
	}
	if err != nil {
		return nil, fmt.Errorf("opening an archive of test results: %w", err)
	}
	defer tar.Close()
	return s.readTar(tar, u.ID)
}

func (s *Service) observe(u *uploadRow, found *findings, took time.Duration) {
	s.metrics.read.Observe(took.Seconds())
	for result, n := range found.results {
		s.metrics.tests.WithLabelValues(string(result)).Add(float64(n))
	}
	s.metrics.problems.Add(float64(len(found.problems)))
	s.deps.Logger.Debug("test results read", "archive_id", u.ID, "job_id", u.Job, "tests", found.tests, "failed", found.failed,
		"problems", len(found.problems), "seconds", took.Seconds())
}
