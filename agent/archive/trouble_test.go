// SPDX-License-Identifier: MPL-2.0

package archive

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"
)

// TestOneTroubleIsToldOnce: parts that fail together are one line for those who
// read, and so is their going on.
func TestOneTroubleIsToldOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var notes []string
		s := &Store{cfg: Config{Patience: time.Minute, PauseLeast: time.Second, PauseMost: time.Second}}
		s.deps.Logger = hclog.NewNullLogger()
		s.deps.Note = func(format string, args ...any) {
			mu.Lock()
			defer mu.Unlock()
			notes = append(notes, fmt.Sprintf(format, args...))
		}
		back := time.Now().Add(20 * time.Second)
		try := func(context.Context) error {
			if time.Now().Before(back) {
				return errors.New("no answer")
			}
			return nil
		}
		var parts sync.WaitGroup
		for range 4 {
			parts.Go(func() {
				if err := s.insist(t.Context(), "the store", try); err != nil {
					t.Error(err)
				}
			})
		}
		parts.Wait()
		if len(notes) != 2 || notes[0] != "Trouble with the store: no answer; trying again for up to 1m0s." || !strings.HasPrefix(notes[1], "Going on: the store works again after 2") {
			t.Errorf("got %q, want one line for the trouble and one for its end", notes)
		}
		// The next one is told anew, and one that does not end has no such end.
		notes, back = nil, back.Add(time.Hour)
		if err := s.insist(t.Context(), "the store", try); err == nil {
			t.Error("it never came back")
		}
		if want := []string{"Trouble with the store: no answer; trying again for up to 1m0s."}; !slices.Equal(notes, want) {
			t.Errorf("got %q, want %q", notes, want)
		}
	})
}
