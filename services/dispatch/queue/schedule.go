// SPDX-License-Identifier: MPL-2.0

package queue

import (
	"cmp"
	"slices"

	"github.com/muster-ci/muster/core"
)

// board is what one pass of the scheduler looks at. It is plain data, so that
// the choice can be tested without a database.
type board struct {
	pools map[string]*poolState
	orgs  map[core.OrganizationID]*orgState
	lines []*line
	turn  int64 // the latest turn that any organization had
}

// poolState is the use of one node pool. A limit of 0 is none.
type poolState struct {
	placed, running int
	inFlight, limit int
}

func (p *poolState) free() int {
	free := p.inFlight - p.placed
	if p.limit > 0 {
		free = min(free, p.limit-p.placed-p.running)
	}
	return max(0, free)
}

// orgState is the use of one organization over all pools.
type orgState struct {
	id              core.OrganizationID
	released, limit int
	turn            int64 // when it was served last; smaller is longer ago
}

func (o *orgState) free() int { return max(0, o.limit-o.released) }

// before reports whether o is served before p: the smaller used share of its
// limit first, then whose last turn is longer ago. Without the turn two
// organizations that share one slot would not alternate.
func (o *orgState) before(p *orgState) int {
	return cmp.Or(
		cmp.Compare(o.released*p.limit, p.released*o.limit),
		cmp.Compare(o.turn, p.turn),
		cmp.Compare(o.id, p.id),
	)
}

// line is what one organization has waiting in one pool. waiting holds its
// head; more says that the database has further tasks behind it.
type line struct {
	pool    string
	org     core.OrganizationID
	waiting []candidate
	more    bool
}

// candidate is a waiting task. A smaller rank is a higher priority.
type candidate struct {
	id   core.TaskID
	rank int64
	turn int64
}

func (a candidate) before(b candidate) int {
	return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.turn, b.turn), cmp.Compare(a.id, b.id))
}

// want returns the lines whose heads a pass should read, and how many tasks of
// each: only lines that could get a slot, and no more lines of a pool than it
// has slots. Pools and organizations are those of the board.
func (b *board) want() map[*line]int {
	byPool := map[string][]*line{}
	for _, l := range b.lines {
		if b.pools[l.pool].free() > 0 && b.orgs[l.org].free() > 0 {
			byPool[l.pool] = append(byPool[l.pool], l)
		}
	}
	wanted := map[*line]int{}
	for pool, lines := range byPool {
		free := b.pools[pool].free()
		slices.SortFunc(lines, func(x, y *line) int { return b.orgs[x.org].before(b.orgs[y.org]) })
		lines = lines[:min(len(lines), free)]
		// Twice the even share: organizations with more waiting than their
		// neighbours get the slots that those leave, mostly within one pass.
		share := 2*free/len(lines) + 1
		for _, l := range lines {
			wanted[l] = min(share, free, b.orgs[l.org].free())
		}
	}
	return wanted
}

// choose releases tasks until no slot or no known candidate is left, in the
// order in which they are to start. It changes the board accordingly. When the
// line whose turn it is has more tasks than were read, it stops and says so:
// going on would hand the line's slots to others.
func (b *board) choose() (released []core.TaskID, more bool) {
	for {
		l, more := b.next()
		if l == nil {
			return released, more
		}
		org, pool := b.orgs[l.org], b.pools[l.pool]
		released = append(released, l.waiting[0].id)
		l.waiting = l.waiting[1:]
		org.released++
		pool.placed++
		b.turn++
		org.turn = b.turn
	}
}

// next returns the line whose head starts next: that of the organization first
// in turn, and of its lines the one with the foremost head.
func (b *board) next() (best *line, more bool) {
	for _, l := range b.lines {
		if b.pools[l.pool].free() == 0 || b.orgs[l.org].free() == 0 || len(l.waiting) == 0 && !l.more {
			continue
		}
		if best == nil || b.precedes(l, best) {
			best = l
		}
	}
	if best != nil && len(best.waiting) == 0 {
		return nil, true
	}
	return best, false
}

func (b *board) precedes(x, y *line) bool {
	if x.org != y.org {
		return b.orgs[x.org].before(b.orgs[y.org]) < 0
	}
	// A line with an unread head might hold anything; look at it first.
	if len(x.waiting) == 0 || len(y.waiting) == 0 {
		return len(x.waiting) == 0
	}
	return x.waiting[0].before(y.waiting[0]) < 0
}
