// SPDX-License-Identifier: MPL-2.0

package results

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
)

// A page of tests has so many at most, and about so many bytes of messages.
const (
	maxPage   = 1000
	pageBytes = 4 << 20
)

// jobUploads returns what a job's tasks have kept, in the order in which it is
// shown. Of each task only the last attempt that has kept something counts: what
// came before was of a try that was lost.
func (s *Service) jobUploads(ctx context.Context, id core.JobID) ([]*uploadRow, error) {
	var rows []*uploadRow
	if err := s.deps.DB.NewSelect().Model(&rows).Where("job_id = ?", id).Scan(ctx); err != nil {
		return nil, fmt.Errorf("reading the uploads of a job: %w", err)
	}
	last := map[int]int{}
	for _, u := range rows {
		last[u.Index] = max(last[u.Index], u.Attempt)
	}
	rows = slices.DeleteFunc(rows, func(u *uploadRow) bool { return u.Attempt < last[u.Index] })
	slices.SortFunc(rows, func(a, b *uploadRow) int {
		return cmp.Or(cmp.Compare(a.Index, b.Index), a.KeptAt.Time().Compare(b.KeptAt.Time()), cmp.Compare(a.ID, b.ID))
	})
	return rows, nil
}

// place is where a page begins: an upload, a part of it and a test in that.
type place struct {
	upload     string
	part, test int
}

func (p place) String() string { return fmt.Sprintf("%s/%d/%d", p.upload, p.part, p.test) }

func parsePlace(token string) (place, error) {
	parts := strings.Split(token, "/")
	if len(parts) == 3 {
		part, bad := strconv.Atoi(parts[1])
		test, worse := strconv.Atoi(parts[2])
		if bad == nil && worse == nil && part >= 0 && test >= 0 {
			return place{parts[0], part, test}, nil
		}
	}
	return place{}, core.Errorf(core.CodeInvalid, "the page token is not one that was handed out; begin without one")
}

// JobTests implements core.Results.
func (s *Service) JobTests(ctx context.Context, f core.TestFilter) (core.TestList, error) {
	list := core.TestList{Items: []core.Test{}}
	uploads, err := s.jobUploads(ctx, f.Job)
	if err != nil || len(uploads) == 0 {
		return list, err
	}
	var from place
	if f.Page.Token != "" {
		if from, err = parsePlace(f.Page.Token); err != nil {
			return list, err
		}
	}
	if list.Pending, list.Problems, err = s.state(ctx, uploads); err != nil {
		return list, err
	}
	parts, err := s.partList(ctx, uploads, f.Failed)
	if err != nil {
		return list, err
	}
	begin, err := parts.find(from)
	if err != nil {
		return list, err
	}
	err = s.fill(ctx, &list, parts[begin:], from, f)
	return list, err
}

// state tells how many uploads are still to be read, and what was wrong with
// others.
func (s *Service) state(ctx context.Context, uploads []*uploadRow) (pending int, problems []core.TestProblem, err error) {
	index := map[string]int{}
	for _, u := range uploads {
		index[u.ID] = u.Index
		switch {
		case !u.ReadAt.IsZero():
		case u.SetAside:
			problems = append(problems, core.TestProblem{Index: u.Index,
				Message: "The files of test results could not be read. They are kept; an administrator sees why, and can have them read again, with 'muster admin stuck'."})
		default:
			pending++
		}
	}
	var rows []problemRow
	err = s.deps.DB.NewSelect().Model(&rows).Where("upload_id IN (?)", bun.List(keys(index))).Order("upload_id", "number").Limit(maxProblems).Scan(ctx)
	if err != nil {
		return 0, nil, fmt.Errorf("reading the problems of uploads: %w", err)
	}
	for _, r := range rows {
		problems = append(problems, core.TestProblem{Index: index[r.Upload], File: r.File, Message: r.Message})
	}
	slices.SortStableFunc(problems, func(a, b core.TestProblem) int { return cmp.Compare(a.Index, b.Index) })
	return pending, problems, nil
}

// partRefs are parts in the order in which their tests are shown.
type partRefs []partRow

// partList returns the parts of uploads without their contents.
func (s *Service) partList(ctx context.Context, uploads []*uploadRow, failed bool) (partRefs, error) {
	order := map[string]int{}
	for i, u := range uploads {
		order[u.ID] = i
	}
	var rows partRefs
	q := s.deps.DB.NewSelect().Model(&rows).ExcludeColumn("packed").Where("upload_id IN (?)", bun.List(keys(order)))
	if failed {
		q = q.Where("failed > 0")
	}
	if err := q.Scan(ctx); err != nil {
		return nil, fmt.Errorf("listing tests: %w", err)
	}
	slices.SortFunc(rows, func(a, b partRow) int {
		return cmp.Or(cmp.Compare(order[a.Upload], order[b.Upload]), cmp.Compare(a.Part, b.Part))
	})
	return rows, nil
}

// find returns where the part of a place is, 0 for the beginning.
func (p partRefs) find(at place) (int, error) {
	if at.upload == "" {
		return 0, nil
	}
	i := slices.IndexFunc(p, func(r partRow) bool { return r.Upload == at.upload && r.Part == at.part })
	if i < 0 {
		return 0, core.Errorf(core.CodeInvalid, "the page token is of tests that are no longer the job's; begin without one")
	}
	return i, nil
}

// fill reads tests into a page.
func (s *Service) fill(ctx context.Context, list *core.TestList, parts partRefs, from place, f core.TestFilter) error {
	limit := cmp.Or(f.Page.Limit, maxPage)
	limit = min(max(limit, 1), maxPage)
	bytes := 0
	for _, ref := range parts {
		tests, err := s.partTests(ctx, ref)
		if err != nil {
			return err
		}
		begin := 0
		if ref.Upload == from.upload && ref.Part == from.part {
			begin = from.test
		}
		for i := begin; i < len(tests); i++ {
			if f.Failed && !tests[i].Result.Failed() {
				continue
			}
			if len(list.Items) == limit || bytes > pageBytes {
				list.Next = place{ref.Upload, ref.Part, i}.String()
				return nil
			}
			bytes += len(tests[i].Message)
			list.Items = append(list.Items, tests[i].Test)
		}
	}
	return nil
}

// partTests reads the tests of a part.
func (s *Service) partTests(ctx context.Context, ref partRow) ([]kept, error) {
	var packed []byte
	err := s.deps.DB.NewSelect().Model((*partRow)(nil)).Column("packed").Where("upload_id = ?", ref.Upload).Where("part = ?", ref.Part).Scan(ctx, &packed)
	if err != nil {
		return nil, fmt.Errorf("reading tests: %w", err)
	}
	return unpackTests(packed)
}

// maxFailed bounds what is run again: with more, all may as well.
const maxFailed = 10_000

// FailedTests implements core.Results.
func (s *Service) FailedTests(ctx context.Context, id core.JobID) (core.FailedTests, error) {
	uploads, err := s.jobUploads(ctx, id)
	if err != nil || len(uploads) == 0 {
		return core.FailedTests{}, err
	}
	pending, _, err := s.state(ctx, uploads)
	if err != nil {
		return core.FailedTests{}, err
	}
	if pending > 0 {
		return core.FailedTests{}, core.Errorf(core.CodeUnavailable, "The test results of the job are still being read; try again in a moment.")
	}
	parts, err := s.partList(ctx, uploads, true)
	if err != nil {
		return core.FailedTests{}, err
	}
	tests, indexes := map[core.FailedTest]bool{}, map[int]bool{}
	of := map[string]int{}
	for _, u := range uploads {
		of[u.ID] = u.Index
	}
	for _, ref := range parts {
		indexes[of[ref.Upload]] = true
		if err := s.addFailed(ctx, ref, tests); err != nil {
			return core.FailedTests{}, err
		}
		if len(tests) > maxFailed {
			return core.FailedTests{}, core.Errorf(core.CodeExhausted, "More than %d files and classes have failed tests; rerun the workflow from failed, with all its tests.", maxFailed)
		}
	}
	return core.FailedTests{
		Tests: slices.SortedFunc(seq(tests), func(a, b core.FailedTest) int {
			return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.ClassName, b.ClassName))
		}),
		Indexes: slices.Sorted(seq(indexes)),
	}, nil
}

func (s *Service) addFailed(ctx context.Context, ref partRow, to map[core.FailedTest]bool) error {
	tests, err := s.partTests(ctx, ref)
	if err != nil {
		return err
	}
	for _, t := range tests {
		if t.Result.Failed() {
			to[core.FailedTest{File: t.File, ClassName: t.ClassName}] = true
		}
	}
	return nil
}

// clip cuts a text to so many bytes, between two characters.
func clip(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most]
}
