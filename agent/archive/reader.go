// SPDX-License-Identifier: MPL-2.0

package archive

import (
	"context"
	"errors"
	"io"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/muster-ci/muster/internal/sealed"
	"github.com/muster-ci/muster/internal/wire"
)

// Reader gives the plain bytes of a committed archive that is not one of
// artifacts. One goroutine reads, and closes it.
//
//	fetch (several parts) -> parts (in order) -> split -> frames (in order) -> Read
//	                                               \-> work -> decompress -/
type Reader struct {
	store  *Store
	found  wire.FoundArchive
	box    *sealed.Box
	urls   *urls
	base   context.Context // what the caller gave, and cancel
	cancel context.CancelCauseFunc
	group  *errgroup.Group
	ctx    context.Context // of all goroutines

	parts  chan *part
	work   chan *unpacked
	frames chan *unpacked

	current *unpacked
	ready   []byte
	plain   int64
	err     error

	fetched atomic.Int64
	copied  atomic.Int64
}

// errClosed is the cause of the end of what a closed Reader has under way.
var errClosed = errors.New("the archive was closed")

// Open begins to fetch an archive.
func (s *Store) Open(ctx context.Context, found wire.FoundArchive) (*Reader, error) {
	box, err := sealed.New(found.Secret)
	if err != nil {
		return nil, err
	}
	if len(found.Parts) > wire.MaxArchiveParts {
		return nil, damaged("it has %d parts", len(found.Parts))
	}
	for i, p := range found.Parts {
		if p.Size > wire.MaxArchivePart || p.Size < 1 {
			return nil, damaged("its part %d has %d bytes", i, p.Size)
		}
	}
	if stored := StoredSize(found.Parts); found.Plain > bombBytes && found.Plain/bombRatio > stored {
		return nil, damaged("%d bytes would become %d", stored, found.Plain)
	}
	r := &Reader{store: s, found: found, box: box, urls: &urls{store: s, id: found.ID, download: true, count: len(found.Parts)},
		parts: make(chan *part, max(0, s.cfg.Transfers-2)), work: make(chan *unpacked, s.workers), frames: make(chan *unpacked, 2*s.workers)}
	r.base, r.cancel = context.WithCancelCause(ctx)
	r.group, r.ctx = errgroup.WithContext(r.base)
	r.group.Go(r.fetchAll)
	r.group.Go(r.split)
	for range s.workers {
		r.group.Go(r.decompress)
	}
	return r, nil
}

// Read returns the next bytes. All that were kept, and no more, come before
// io.EOF.
func (r *Reader) Read(p []byte) (int, error) {
	for len(r.ready) == 0 && r.err == nil {
		r.err = r.next()
	}
	if len(r.ready) == 0 {
		return 0, r.err
	}
	n := copy(p, r.ready)
	r.ready = r.ready[n:]
	return n, nil
}

func (r *Reader) next() error {
	if r.current != nil {
		r.store.blocks.put(r.current.plain)
		r.current = nil
	}
	var u *unpacked
	select {
	case <-r.ctx.Done():
		return r.failure()
	case next, more := <-r.frames:
		if !more {
			return r.end()
		}
		u = next
	}
	select {
	case <-r.ctx.Done():
		return r.failure()
	case <-u.done:
	}
	r.plain += int64(len(u.plain))
	if r.plain > r.found.Plain {
		return damaged("it holds more than the %d bytes that were kept", r.found.Plain)
	}
	r.current, r.ready = u, u.plain
	return nil
}

// end tells the end of the archive from that of the goroutines.
func (r *Reader) end() error {
	if err := r.group.Wait(); err != nil {
		return err
	}
	if r.base.Err() != nil {
		return context.Cause(r.base)
	}
	if r.plain != r.found.Plain {
		return damaged("it holds %d bytes of the %d that were kept", r.plain, r.found.Plain)
	}
	r.store.copies.trim(0)
	return io.EOF
}

// failure is what went wrong first.
func (r *Reader) failure() error {
	if err := r.group.Wait(); err != nil {
		return err
	}
	return context.Cause(r.base)
}

// Fetched is how many bytes came from the object store so far, and Copied from
// copies on this client.
func (r *Reader) Fetched() int64 { return r.fetched.Load() }

// Copied is what Fetched says of it.
func (r *Reader) Copied() int64 { return r.copied.Load() }

// Close ends what is under way.
func (r *Reader) Close() error {
	r.cancel(errClosed)
	r.group.Wait()
	return nil
}

// What grows more than bombRatio times to more than bombBytes is not unpacked.
const (
	bombBytes = 32 << 30
	bombRatio = 1000
)
