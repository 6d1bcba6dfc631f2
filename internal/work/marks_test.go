// SPDX-License-Identifier: MPL-2.0

package work_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/work"
)

// Whatever meets whatever, each row is handled once more after its last mark,
// and no mark is refused because of a deadlock.
func TestNoMarkIsLost(t *testing.T) {
	t.Parallel()
	each(t, func(b *bench) {
		const rows, marks = 20, 40
		var ids []string
		for i := range rows {
			ids = append(ids, fmt.Sprintf("%02d", i))
		}
		b.add(ids...)
		var mu sync.Mutex
		seen := map[string]int64{}
		handle := func(_ context.Context, batch []*chore) []work.Result {
			mu.Lock()
			defer mu.Unlock()
			out := make([]work.Result, len(batch))
			for i, row := range batch {
				switch rand.N(4) {
				case 0:
					out[i] = work.Fail(errors.New("not this time"))
				case 1:
					out[i] = work.Again(time.Now())
				default:
					seen[row.ID] = max(seen[row.ID], row.DueSeq)
					out[i] = work.Done()
				}
			}
			return out
		}
		for range 3 {
			cfg := b.config(handle)
			cfg.DB, cfg.Batch, cfg.Workers, cfg.Clock, cfg.MaxTries = b.open(), 8, 2, nil, 1000
			cfg.Backoff = func(int) time.Duration { return time.Millisecond }
			b.run(cfg)
		}
		var markers sync.WaitGroup
		var marked atomic.Int64
		for range 4 {
			db := b.open()
			markers.Go(func() { marked.Add(markAtRandom(b, db, ids, marks)) })
		}
		markers.Wait()
		total := int64(0)
		for _, id := range ids {
			last := b.until(id, func(i *work.Item) bool { return i.DueAt.IsZero() })
			mu.Lock()
			if seen[id] != last.DueSeq {
				b.t.Errorf("%s was marked %d times, and last handled after mark %d", id, last.DueSeq, seen[id])
			}
			mu.Unlock()
			total += last.DueSeq
		}
		if total != marked.Load() {
			b.t.Errorf("rows were marked %d times, and count %d marks", marked.Load(), total)
		}
	})
}

// markAtRandom marks five rows at a time and returns how many it marked.
func markAtRandom(b *bench, db *store.DB, ids []string, marks int) (n int64) {
	for range marks {
		some := make([]string, 5)
		for i, at := range rand.Perm(len(ids))[:5] {
			some[i] = ids[at]
		}
		if err := work.MarkDue(b.t.Context(), db, table, time.Now(), some...); err != nil {
			b.t.Error(err)
			return n
		}
		n += 5
		b.hints.Notify(topic)
	}
	return n
}
