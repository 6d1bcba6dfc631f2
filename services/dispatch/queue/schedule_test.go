// SPDX-License-Identifier: MPL-2.0

package queue

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/core"
)

// world is a queue in memory: what waits and what runs, by line. It feeds
// boards as the database does, heads only.
type world struct {
	pools   map[string]*poolState
	orgs    map[core.OrganizationID]*orgState
	waiting map[string][]candidate // by line, sorted
	placed  map[core.TaskID]string // line of what is released
	turn    int64
}

// board reads what a pass would.
func (w *world) board() *board {
	b := &board{pools: map[string]*poolState{}, orgs: map[core.OrganizationID]*orgState{}, turn: w.turn}
	for name, p := range w.pools {
		b.pools[name] = &poolState{inFlight: p.inFlight, limit: p.limit}
	}
	for id, o := range w.orgs {
		b.orgs[id] = &orgState{id: id, limit: o.limit, turn: o.turn}
	}
	for _, key := range w.placed {
		pool, org := split(key)
		b.pools[pool].placed++
		b.orgs[org].released++
	}
	for key, waiting := range w.waiting {
		if len(waiting) > 0 {
			pool, org := split(key)
			b.lines = append(b.lines, &line{pool: pool, org: org, more: true})
		}
	}
	for l, n := range b.want() {
		waiting := w.waiting[lineOf(l.pool, l.org)]
		l.waiting = slices.Clone(waiting[:min(n, len(waiting))])
		l.more = len(l.waiting) == n
	}
	return b
}

func split(key string) (string, core.OrganizationID) {
	var pool, org string
	fmt.Sscanf(key, "%s %s", &pool, &org)
	for i := range key {
		if key[i] == '/' {
			return key[:i], core.OrganizationID(key[i+1:])
		}
	}
	return pool, core.OrganizationID(org)
}

// pass applies what a board chose and returns it.
func (w *world) pass(t *testing.T) (released []core.TaskID, more bool) {
	t.Helper()
	b := w.board()
	released, more = b.choose()
	for _, id := range released {
		key := w.lineOfTask(id)
		if key == "" {
			t.Fatalf("task %s was released and is not waiting", id)
		}
		w.waiting[key] = slices.DeleteFunc(w.waiting[key], func(c candidate) bool { return c.id == id })
		w.placed[id] = key
	}
	for id, o := range b.orgs {
		w.orgs[id].turn = o.turn
	}
	w.turn = b.turn
	return released, more
}

func (w *world) lineOfTask(id core.TaskID) string {
	for key, waiting := range w.waiting {
		if slices.ContainsFunc(waiting, func(c candidate) bool { return c.id == id }) {
			return key
		}
	}
	return ""
}

func randomWorld(r *rand.Rand) *world {
	w := &world{
		pools: map[string]*poolState{}, orgs: map[core.OrganizationID]*orgState{},
		waiting: map[string][]candidate{}, placed: map[core.TaskID]string{},
	}
	for i := range 1 + r.IntN(3) {
		w.pools[fmt.Sprintf("pool%d", i)] = &poolState{inFlight: 1 + r.IntN(6), limit: r.IntN(8)}
	}
	n := 0
	for i := range 1 + r.IntN(6) {
		id := core.OrganizationID(fmt.Sprintf("org%d", i))
		w.orgs[id] = &orgState{id: id, limit: 1 + r.IntN(5)}
		for pool := range w.pools {
			key := lineOf(pool, id)
			for range r.IntN(20) {
				n++
				w.waiting[key] = append(w.waiting[key], candidate{id: core.TaskID(fmt.Sprintf("t%03d", n)), rank: int64(-r.IntN(3)), turn: int64(n)})
			}
			slices.SortFunc(w.waiting[key], candidate.before)
		}
	}
	return w
}

// TestChooseKeepsItsPromises runs random queues to their end: limits hold after
// each pass, no slot stays free that a task could use, and every task has its
// turn once.
func TestChooseKeepsItsPromises(t *testing.T) {
	t.Parallel()
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 1))
		w := randomWorld(r)
		total := 0
		for _, waiting := range w.waiting {
			total += len(waiting)
		}
		done := 0
		for round := 0; done < total; round++ {
			if round > 10*total+10 {
				t.Fatalf("seed %d: %d of %d tasks done and no end", seed, done, total)
			}
			for more := true; more; {
				var released []core.TaskID
				if released, more = w.pass(t); more && len(released) == 0 {
					t.Fatalf("seed %d: a pass released nothing and wants another", seed)
				}
				checkBounds(t, seed, w)
			}
			checkBusy(t, seed, w)
			for id := range w.placed {
				if r.IntN(2) == 0 {
					delete(w.placed, id)
					done++
				}
			}
		}
	}
}

func checkBounds(t *testing.T, seed uint64, w *world) {
	t.Helper()
	b := w.board()
	for name, p := range b.pools {
		if p.placed > p.inFlight || p.limit > 0 && p.placed > p.limit {
			t.Fatalf("seed %d: pool %s has %d in flight, want at most %d and %d", seed, name, p.placed, p.inFlight, p.limit)
		}
	}
	for id, o := range b.orgs {
		if o.released > o.limit {
			t.Fatalf("seed %d: %s runs %d, want at most %d", seed, id, o.released, o.limit)
		}
	}
}

func checkBusy(t *testing.T, seed uint64, w *world) {
	t.Helper()
	b := w.board()
	for _, l := range b.lines {
		if b.pools[l.pool].free() > 0 && b.orgs[l.org].free() > 0 {
			t.Fatalf("seed %d: %s waits in %s though both have slots", seed, l.org, l.pool)
		}
	}
}

// TestChooseSharesFairly has three hungry organizations on one pool: with equal
// limits they get equal parts whatever they bring, with unequal limits parts in
// proportion.
func TestChooseSharesFairly(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		slots  int
		limits [3]int
		want   [3]int // releases of 300
	}{
		{"one slot goes round", 1, [3]int{4, 4, 4}, [3]int{100, 100, 100}},
		{"equal limits", 9, [3]int{50, 50, 50}, [3]int{100, 100, 100}},
		{"a limit that binds", 9, [3]int{1, 50, 50}, [3]int{33, 133, 133}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := &world{
				pools: map[string]*poolState{"p": {inFlight: tt.slots}}, orgs: map[core.OrganizationID]*orgState{},
				waiting: map[string][]candidate{}, placed: map[core.TaskID]string{},
			}
			sizes := [3]int{2000, 400, 400}
			for i := range 3 {
				id := core.OrganizationID(fmt.Sprintf("org%d", i))
				w.orgs[id] = &orgState{id: id, limit: tt.limits[i]}
				for n := range sizes[i] {
					w.waiting[lineOf("p", id)] = append(w.waiting[lineOf("p", id)], candidate{id: core.TaskID(fmt.Sprintf("%d-%04d", i, n)), turn: int64(n)})
				}
			}
			got := serve(t, w, tt.slots, 300)
			for i := range got {
				if diff := got[i] - tt.want[i]; diff < -tt.slots || diff > tt.slots {
					t.Errorf("organizations were served %v times, want about %v", got, tt.want)
					break
				}
			}
		})
	}
}

// serve runs passes and ends all that runs after each, until n were released.
func serve(t *testing.T, w *world, slots, n int) (got [3]int) {
	t.Helper()
	for total := 0; total < n; {
		for more := true; more; {
			var released []core.TaskID
			released, more = w.pass(t)
			for _, id := range released {
				got[id[0]-'0']++
			}
			total += len(released)
		}
		clear(w.placed)
	}
	return got
}

// TestChooseEvensOut has an organization that uses little of its limit go
// before one that uses much, though it was served later.
func TestChooseEvensOut(t *testing.T) {
	t.Parallel()
	w := &world{
		pools: map[string]*poolState{"p": {inFlight: 8}},
		orgs:  map[core.OrganizationID]*orgState{"much": {id: "much", limit: 8, turn: 1}, "little": {id: "little", limit: 4, turn: 9}},
		waiting: map[string][]candidate{
			"p/much": {{id: "m1"}, {id: "m2"}}, "p/little": {{id: "l1"}, {id: "l2"}},
		},
		turn:   9,
		placed: map[core.TaskID]string{"a": "p/much", "b": "p/much", "c": "p/much", "d": "p/much", "e": "p/little"},
	}
	got, _ := w.pass(t)
	if diff := cmp.Diff([]core.TaskID{"l1", "m1", "l2"}, got); diff != "" {
		t.Errorf("4 of 8 and 1 of 4 run; released (-want +got):\n%s", diff)
	}
}

func TestChooseTakesPriorityThenAge(t *testing.T) {
	t.Parallel()
	w := &world{
		pools:   map[string]*poolState{"a": {inFlight: 10}, "b": {inFlight: 10}},
		orgs:    map[core.OrganizationID]*orgState{"o": {id: "o", limit: 4}},
		waiting: map[string][]candidate{}, placed: map[core.TaskID]string{},
	}
	w.waiting["a/o"] = []candidate{{id: "urgent", rank: -5, turn: 9}, {id: "first", turn: 1}, {id: "fourth", turn: 4}}
	w.waiting["b/o"] = []candidate{{id: "second", turn: 2}, {id: "third", turn: 3}}
	got, more := w.pass(t)
	if diff := cmp.Diff([]core.TaskID{"urgent", "first", "second", "third"}, got); diff != "" || more {
		t.Errorf("released (more=%t, -want +got):\n%s", more, diff)
	}
}
