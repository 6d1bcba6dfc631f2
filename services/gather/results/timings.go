// SPDX-License-Identifier: MPL-2.0

package results

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
)

// Timings are taken of so many jobs, the newest first, and uploads: a job that
// ran only some of its tests, such as a rerun of failed ones, leaves the rest to
// the jobs before it.
const (
	timingJobs    = 10
	timingUploads = 500
)

// TestTimings implements core.Results.
func (s *Service) TestTimings(ctx context.Context, f core.TimingsFilter) (core.TestTimings, error) {
	switch f.By {
	case core.TestByFile, core.TestByClassName, core.TestByName:
	default:
		return core.TestTimings{}, core.Errorf(core.CodeInvalid, "timings are by file, classname or name, not by %q", f.By)
	}
	for _, branch := range []string{f.Branch, f.DefaultBranch, ""} {
		timings, err := s.timingsOf(ctx, f, branch)
		if err != nil || len(timings.Names) > 0 {
			return timings, err
		}
	}
	return core.TestTimings{Names: []string{}, Seconds: []float64{}}, nil
}

// timingsOf returns what a branch's jobs took, "" for those of any branch.
func (s *Service) timingsOf(ctx context.Context, f core.TimingsFilter, branch string) (core.TestTimings, error) {
	var uploads []*uploadRow
	q := s.deps.DB.NewSelect().Model(&uploads).Column("id", "job_id", "job_number", "task_index", "attempt").
		Where("project_id = ?", f.Project).Where("job_name = ?", f.JobName).Where("read_at IS NOT NULL")
	if branch != "" {
		q = q.Where("branch = ?", branch)
	}
	if err := q.OrderExpr("job_number DESC").Limit(timingUploads).Scan(ctx); err != nil {
		return core.TestTimings{}, fmt.Errorf("looking for timings: %w", err)
	}
	known := map[string]float64{}
	jobs := 0
	for begin := 0; begin < len(uploads) && jobs < timingJobs && len(known) < core.MaxTimings; jobs++ {
		end := begin + 1
		for end < len(uploads) && uploads[end].Job == uploads[begin].Job {
			end++
		}
		if err := s.addTimings(ctx, uploads[begin:end], f.By, known); err != nil {
			return core.TestTimings{}, err
		}
		begin = end
	}
	return ordered(branch, known), nil
}

// addTimings adds what is not known yet out of the uploads of one job. Tasks that
// have run tests of one file or class have each taken a part of its time.
func (s *Service) addTimings(ctx context.Context, uploads []*uploadRow, by core.TestKey, known map[string]float64) error {
	last := map[int]int{}
	for _, u := range uploads {
		last[u.Index] = max(last[u.Index], u.Attempt)
	}
	var ids []string
	for _, u := range uploads {
		if u.Attempt == last[u.Index] {
			ids = append(ids, u.ID)
		}
	}
	var rows []timingRow
	err := s.deps.DB.NewSelect().Model(&rows).Where("upload_id IN (?)", bun.List(ids)).Where("kind = ?", by).Scan(ctx)
	if err != nil {
		return fmt.Errorf("reading timings: %w", err)
	}
	job := map[string]float64{}
	for _, r := range rows {
		if err := unpackSeconds(r.Packed, func(name string, n float64) { job[name] += n }); err != nil {
			return err
		}
	}
	for name, n := range job {
		if _, ok := known[name]; !ok {
			known[name] = n
		}
	}
	return nil
}

// maxNames is how many bytes of names an answer has at most.
const maxNames = 10 << 20

// ordered makes an answer out of timings, the longest of them if they are too
// many.
func ordered(branch string, known map[string]float64) core.TestTimings {
	names := slices.Collect(maps.Keys(known))
	bytes := 0
	for _, name := range names {
		bytes += len(name)
	}
	if len(names) > core.MaxTimings || bytes > maxNames {
		slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(known[b], known[a]), cmp.Compare(a, b)) })
		names = names[:min(len(names), core.MaxTimings)]
		for ; bytes > maxNames && len(names) > 0; names = names[:len(names)-1] {
			bytes -= len(names[len(names)-1])
		}
	}
	slices.Sort(names)
	out := core.TestTimings{Branch: branch, Names: names, Seconds: make([]float64, len(names))}
	for i, name := range names {
		out.Seconds[i] = known[name]
	}
	return out
}

func seq[K comparable, V any](m map[K]V) iter.Seq[K] { return maps.Keys(m) }

func keys[K comparable, V any](m map[K]V) []K { return slices.Collect(maps.Keys(m)) }
