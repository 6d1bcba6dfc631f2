// SPDX-License-Identifier: MPL-2.0

package output

import (
	"net/http"
	"testing"
	"time"
)

// TestReadersHaveABudget counts exactly: the clock of the harness stands still.
func TestReadersHaveABudget(t *testing.T) {
	t.Parallel()
	h := sqlite(t, Config{ReadsPerSecond: 2, ReadsBurst: 5})
	a := h.claimed()
	path := a.path(0)
	read := func(token string) *http.Response { return h.get(path, http.Header{"Circle-Token": {token}}) }
	last := read(readerToken)
	for range 4 {
		last = read(readerToken)
	}
	if last.StatusCode == http.StatusTooManyRequests {
		t.Error("the fifth request was refused, want five at once")
	}
	if last = read(readerToken); last.StatusCode != http.StatusTooManyRequests || last.Header.Get("Retry-After") != "1" {
		t.Errorf("the sixth: got %d, Retry-After %q, want 429 and 1", last.StatusCode, last.Header.Get("Retry-After"))
	}
	if got := read(readerToken + "-of-another").StatusCode; got == http.StatusTooManyRequests {
		t.Error("another user pays for the first")
	}
	for range 5 {
		read("wrong")
	}
	if got := read("wrong too").StatusCode; got != http.StatusTooManyRequests {
		t.Errorf("guessing tokens: got %d, want 429", got)
	}
	h.advance(time.Second)
	if got := []int{read(readerToken).StatusCode, read(readerToken).StatusCode, read(readerToken).StatusCode}; got[1] == 429 || got[2] != 429 {
		t.Errorf("a second later: got %v, want two more", got)
	}
	if got := h.call(http.MethodPost, "/output/v1/task-steps", "", []string{}, nil); got == http.StatusTooManyRequests {
		t.Error("the budget of readers is taken from services, too")
	}
}
