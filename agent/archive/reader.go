// SPDX-License-Identifier: MPL-2.0

package archive

import (
	"context"
	"errors"
	"io"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/muster-ci/muster/core"
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

// part is one that is being fetched; compressed is valid once done is closed.
type part struct {
	compressed []byte
	frames     atomic.Int32 // of it that are still to be decompressed, and one
	done       chan struct{}
}

// unpacked is a frame that is being decompressed.
type unpacked struct {
	from  *part
	frame []byte
	plain []byte
	done  chan struct{}
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
		parts: make(chan *part, max(1, s.cfg.Transfers-1)), work: make(chan *unpacked, s.workers), frames: make(chan *unpacked, 2*s.workers)}
	r.base, r.cancel = context.WithCancelCause(ctx)
	r.group, r.ctx = errgroup.WithContext(r.base)
	r.group.Go(r.fetchAll)
	r.group.Go(r.split)
	for range s.workers {
		r.group.Go(r.decompress)
	}
	return r, nil
}

// fetchAll fetches parts, a few ahead of the one that is split.
func (r *Reader) fetchAll() error {
	defer close(r.parts)
	fetches, ctx := errgroup.WithContext(r.ctx)
	fetches.SetLimit(r.store.cfg.Transfers)
	for number := range r.found.Parts {
		p := &part{done: make(chan struct{})}
		fetches.Go(func() error {
			err := r.fetch(ctx, number, p)
			if err == nil {
				close(p.done)
			}
			return err
		})
		select {
		case r.parts <- p:
		case <-ctx.Done():
			return fetches.Wait()
		}
	}
	return fetches.Wait()
}

// fetch brings a part from the client's copies or the store, and opens it.
func (r *Reader) fetch(ctx context.Context, number int, p *part) error {
	about := r.found.Parts[number]
	buffer := r.store.parts.get(r.store.partRoom(about.Size))
	stored, here := r.store.copies.read(about.SHA256, about.Size, buffer)
	if !here {
		var err error
		stored, err = r.store.get(ctx, r.urls, number, about.SHA256, about.Size, buffer)
		if err != nil {
			return err
		}
		r.store.copies.keep(about.SHA256, stored)
		r.fetched.Add(about.Size)
	} else {
		r.copied.Add(about.Size)
	}
	var err error
	p.compressed, err = r.box.Open(r.store.parts.get(r.store.partRoom(about.Size)), number, stored)
	r.store.parts.put(stored)
	return err
}

// split has the frames of each part decompressed.
func (r *Reader) split() error {
	defer close(r.frames)
	defer close(r.work)
	for {
		var p *part
		select {
		case <-r.ctx.Done():
			return nil
		case next, more := <-r.parts:
			if !more {
				return nil
			}
			p = next
		}
		select {
		case <-r.ctx.Done():
			return nil
		case <-p.done:
		}
		if err := r.splitPart(p); err != nil {
			return err
		}
	}
}

func (r *Reader) splitPart(p *part) error {
	p.frames.Add(1)
	defer r.release(p)
	for rest := p.compressed; len(rest) > 0; {
		frame, after, err := nextFrame(rest)
		if err != nil {
			return err
		}
		if rest = after; frame == nil {
			return nil
		}
		p.frames.Add(1)
		u := &unpacked{from: p, frame: frame, done: make(chan struct{})}
		for _, to := range []chan *unpacked{r.frames, r.work} {
			select {
			case to <- u:
			case <-r.ctx.Done():
				return nil
			}
		}
	}
	return nil
}

// release gives the buffer of a part back when nobody reads it any more.
func (r *Reader) release(p *part) {
	if p.frames.Add(-1) == 0 {
		r.store.parts.put(p.compressed)
	}
}

func (r *Reader) decompress() error {
	for {
		select {
		case <-r.ctx.Done():
			return nil
		case u, more := <-r.work:
			if !more {
				return nil
			}
			var err error
			u.plain, err = r.store.decoder.DecodeAll(u.frame, r.store.blocks.get(blockRoom))
			if err != nil {
				return damaged("a frame cannot be decompressed: %v", err)
			}
			r.release(u.from)
			close(u.done)
		}
	}
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
	r.store.copies.trim()
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

// StoredSize is how many bytes an archive has in the object store.
func StoredSize(parts []core.ArchivePart) int64 {
	var total int64
	for _, p := range parts {
		total += p.Size
	}
	return total
}
