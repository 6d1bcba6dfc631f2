// SPDX-License-Identifier: MPL-2.0

package batch

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/core"
)

func TestValues(t *testing.T) {
	t.Parallel()
	query, args := Values("id, state", [][]any{{"a", 1}, {"b", 2}})
	if want := "WITH d (id, state) AS (VALUES (?, ?), (?, ?))"; query != want {
		t.Errorf("got %q, want %q", query, want)
	}
	if diff := cmp.Diff([]any{"a", 1, "b", 2}, args); diff != "" {
		t.Errorf("arguments (-want +got):\n%s", diff)
	}
}

func TestIsolate(t *testing.T) {
	t.Parallel()
	bad := errors.New("bad")
	calls := 0
	errs := Isolate([]int{1, 2, 3}, func(rows []int) error {
		calls++
		for _, r := range rows {
			if r == 2 {
				return bad
			}
		}
		return nil
	})
	if errs[0] != nil || errs[1] != bad || errs[2] != nil || calls != 4 {
		t.Errorf("got %v after %d calls, want only the second row to fail after 4", errs, calls)
	}
	away := core.Errorf(core.CodeUnavailable, "away")
	calls = 0
	errs = Isolate([]int{1, 2}, func([]int) error { calls++; return away })
	if calls != 1 || errs[0] == nil || errs[1] == nil {
		t.Errorf("got %v after %d calls, want all rows to fail after 1", errs, calls)
	}
	if len(Isolate(nil, func([]int) error { t.Error("nothing was sent"); return nil })) != 0 {
		t.Error("no rows gave errors")
	}
}
