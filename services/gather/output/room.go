// SPDX-License-Identifier: MPL-2.0

package output

import (
	"context"
	"io"
	"sync"

	"github.com/muster-ci/muster/core"
)

const (
	// small is what a request may have without a place. Most have much less.
	small = 64 << 10
	// usual is what a request may have with a usual place: the most that an agent
	// puts into one.
	usual = 512 << 10
	// maxAtOnce is how many requests with frames of one attempt are looked at at a
	// time: an agent sends one, and its successor after a crash another, while the
	// first one's connection has not broken yet. Whoever opens a hundred gets no
	// more of the service than that.
	maxAtOnce = 2
)

// room is the memory for the bodies of agents' requests.
//
//	to  64 KiB   no place
//	to 512 KiB   one of many usual places; whoever waits, waits in turn
//	to   4 MiB   one of a few large places besides
//
// A body holds its place while it comes in, however slowly, so there are more
// places than tasks with slow lines. Who has a large place never waits for
// another, so that all come to an end.
type room struct {
	usual, large chan struct{}

	mu       sync.Mutex
	attempts map[core.AttemptID]*entrance
}

// entrance is that of one attempt, known while somebody uses it.
type entrance struct {
	inside chan struct{}
	users  int
}

// newRoom makes the places that stand for so many of the largest requests: a
// quarter of the memory is for large ones.
func newRoom(requests int) *room {
	large := max(1, requests/4)
	return &room{usual: make(chan struct{}, max(1, 8*(requests-large))), large: make(chan struct{}, large), attempts: make(map[core.AttemptID]*entrance)}
}

// enter waits until few requests of the attempt are inside; leave lets the next
// one in.
func (r *room) enter(ctx context.Context, id core.AttemptID) (leave func(), err error) {
	r.mu.Lock()
	e := r.attempts[id]
	if e == nil {
		e = &entrance{inside: make(chan struct{}, maxAtOnce)}
		r.attempts[id] = e
	}
	e.users++
	r.mu.Unlock()
	done := func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if e.users--; e.users == 0 {
			delete(r.attempts, id)
		}
	}
	select {
	case e.inside <- struct{}{}:
		return func() { <-e.inside; done() }, nil
	case <-ctx.Done():
		done()
		return nil, ctx.Err()
	}
}

// places are those that one request has.
type places struct {
	room         *room
	usual, large bool
}

// grow waits for what a body of size bytes needs.
func (p *places) grow(ctx context.Context, size int64) error {
	for _, need := range []struct {
		over int64
		from chan struct{}
		has  *bool
	}{{small, p.room.usual, &p.usual}, {usual, p.room.large, &p.large}} {
		if size <= need.over || *need.has {
			continue
		}
		select {
		case need.from <- struct{}{}:
			*need.has = true
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// release gives the places back.
func (p *places) release() {
	if p.usual {
		<-p.room.usual
	}
	if p.large {
		<-p.room.large
	}
	p.usual, p.large = false, false
}

// body gives the bytes of a body for which there is a place.
func (p *places) body(ctx context.Context, body io.ReadCloser) io.ReadCloser {
	return &placed{ReadCloser: body, places: p, ctx: ctx}
}

type placed struct {
	io.ReadCloser
	places *places
	ctx    context.Context // of the request: io.Reader has no other way
	size   int64
}

// Read implements io.Reader.
func (p *placed) Read(b []byte) (int, error) {
	n, err := p.ReadCloser.Read(b)
	p.size += int64(n)
	if full := p.places.grow(p.ctx, p.size); full != nil {
		return 0, full
	}
	return n, err
}
