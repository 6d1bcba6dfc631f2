// SPDX-License-Identifier: MPL-2.0

package batch

import (
	"cmp"
	"slices"
	"strings"

	"github.com/muster-ci/muster/core"
)

// Size bounds the rows of one statement; cut longer lists with slices.Chunk.
const Size = 500

// Values begins a statement with a table d that has the given columns and one
// row for each of rows, on both databases:
//
//	query, args := batch.Values("id, state", [][]any{{"a", "done"}, {"b", "new"}})
//	tx.NewRaw(query+" UPDATE tasks SET state = d.state FROM d WHERE tasks.id = d.id", args...)
//
// PostgreSQL takes a column of nothing but NULL for text: CAST it.
func Values(columns string, rows [][]any) (query string, args []any) {
	n := strings.Count(columns, ",") + 1
	one := "(" + strings.TrimSuffix(strings.Repeat("?, ", n), ", ") + ")"
	marks := make([]string, len(rows))
	args = make([]any, 0, n*len(rows))
	for i, row := range rows {
		marks[i] = one
		args = append(args, row...)
	}
	return "WITH d (" + columns + ") AS (VALUES " + strings.Join(marks, ", ") + ")", args
}

// Unique returns ids sorted and without repetitions. Rows that are locked in
// this order by everyone cannot deadlock.
func Unique[T cmp.Ordered](ids []T) []T {
	return slices.Compact(slices.Sorted(slices.Values(ids)))
}

// Isolate sends rows as one batch and returns an error for each row. When the
// receiver refuses the batch, the rows are sent one by one, so that only the
// bad ones fail. When the receiver is away (core.CodeUnavailable) that would
// only be more calls to nobody, and all fail with the same error. Rows of a
// refused batch may reach the receiver twice.
func Isolate[T any](rows []T, send func([]T) error) []error {
	errs := make([]error, len(rows))
	if len(rows) == 0 {
		return errs
	}
	err := send(rows)
	if err == nil {
		return errs
	}
	if len(rows) == 1 || core.ErrorCode(err) == core.CodeUnavailable {
		for i := range errs {
			errs[i] = err
		}
		return errs
	}
	for i := range rows {
		errs[i] = send(rows[i : i+1])
	}
	return errs
}
