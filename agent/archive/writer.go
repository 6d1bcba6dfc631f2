// SPDX-License-Identifier: MPL-2.0

package archive

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/sealed"
	"github.com/muster-ci/muster/internal/wire"
)

// ErrExists says that a cache of that key is there already.
var ErrExists = errors.New("a cache of that key exists")

// errAborted is the cause of the end of what an aborted Writer has under way.
var errAborted = errors.New("the archive was given up")

// Kept is what became of an archive.
type Kept struct {
	ID     core.ArchiveID
	Plain  int64 // bytes written
	Stored int64 // bytes in the object store
	Exists bool  // another cache of the same key was faster, and counts
	// Skipped are artifacts that an earlier step of the task has stored.
	Skipped []string
}

// Writer takes the bytes of a new archive. One goroutine writes, and ends it
// with Commit or Abort.
//
//	Write -> frames (in order) -> assemble -> uploads (any order)
//	            \-> work -> compress -/
type Writer struct {
	store  *Store
	begun  wire.ArchiveBegun
	box    *sealed.Box
	raw    bool
	copies *copies         // nil for what no later job reads
	base   context.Context // what the caller gave, and cancel
	cancel context.CancelCauseFunc
	group  *errgroup.Group // of all goroutines
	ctx    context.Context // theirs; it ends with the first failure
	urls   *urls

	block  []byte
	plain  int64
	work   chan *frame
	frames chan *frame
	closed bool

	stored atomic.Int64
	mu     sync.Mutex
	parts  []core.ArchivePart // by number, filled in as they are there
}

// frame is a block on its way through compression.
type frame struct {
	plain  []byte
	packed []byte
	done   chan struct{}
}

// Create begins an archive. Of a cache whose key is taken it returns ErrExists.
func (s *Store) Create(ctx context.Context, kind core.ArchiveKind, step int, key string) (*Writer, error) {
	begin := wire.ArchiveBegin{Nonce: s.deps.NewID(), Kind: kind, Step: step, Key: key}
	var begun wire.ArchiveBegun
	if err := s.call(ctx, wire.PathArchiveBegin, begin, &begun); err != nil {
		return nil, err
	}
	if begun.Exists {
		return nil, ErrExists
	}
	box, err := sealed.New(begun.Secret)
	if err != nil {
		return nil, err
	}
	w := &Writer{store: s, begun: begun, box: box, raw: kind == core.ArchiveArtifacts, urls: &urls{store: s, id: begun.ID},
		work: make(chan *frame, s.workers), frames: make(chan *frame, 2*s.workers)}
	if kind == core.ArchiveCache || kind == core.ArchiveWorkspace {
		w.copies = s.copies
	}
	w.base, w.cancel = context.WithCancelCause(ctx)
	w.group, w.ctx = errgroup.WithContext(w.base)
	for range s.workers {
		w.group.Go(w.compress)
	}
	w.group.Go(w.assemble)
	return w, nil
}

// Write takes p, and waits while too much is under way. An error is that of
// whatever failed first.
func (w *Writer) Write(p []byte) (int, error) {
	written := 0
	for len(p) > 0 {
		room := w.Room()
		n := min(len(p), len(room))
		copy(room, p[:n])
		p, written = p[n:], written+n
		if err := w.Advance(n); err != nil {
			return written, err
		}
	}
	return written, nil
}

// Room is where the next bytes may be put instead of being given to Write;
// Advance says how many were. It saves a copy of large files.
func (w *Writer) Room() []byte {
	if w.block == nil {
		w.block = w.store.blocks.get(blockRoom)
	}
	return w.block[len(w.block):w.blockSize()]
}

// blockSize is smaller than usual only where tests have small parts.
func (w *Writer) blockSize() int { return min(blockBytes, w.store.cfg.PartBytes) }

// Advance takes the first n bytes of Room.
func (w *Writer) Advance(n int) error {
	w.block = w.block[:len(w.block)+n]
	w.plain += int64(n)
	if len(w.block) < w.blockSize() {
		return nil
	}
	return w.flush()
}

// flush hands the block on.
func (w *Writer) flush() error {
	if len(w.block) == 0 {
		return nil
	}
	f := &frame{plain: w.block, done: make(chan struct{})}
	w.block = nil
	if w.raw {
		f.packed, f.plain = f.plain, nil
		close(f.done)
	}
	select {
	case w.frames <- f:
	case <-w.ctx.Done():
		return context.Cause(w.ctx)
	}
	if w.raw {
		return nil
	}
	select {
	case w.work <- f:
		return nil
	case <-w.ctx.Done():
		return context.Cause(w.ctx)
	}
}

func (w *Writer) compress() error {
	for {
		select {
		case <-w.ctx.Done():
			return nil
		case f, more := <-w.work:
			if !more {
				return nil
			}
			f.packed = w.store.encoder.EncodeAll(f.plain, w.store.blocks.get(blockRoom))
			w.store.blocks.put(f.plain)
			close(f.done)
		}
	}
}

// assemble puts frames together to parts and has those sent.
func (w *Writer) assemble() error {
	uploads, ctx := errgroup.WithContext(w.ctx)
	uploads.SetLimit(w.store.cfg.Transfers)
	var part []byte
	send := func() error {
		number, p := len(w.parts), part
		part = nil
		if number >= wire.MaxArchiveParts {
			return core.Errorf(core.CodeInvalid, "it is too large: more than %d parts of %d MiB", wire.MaxArchiveParts, w.store.cfg.PartBytes>>20)
		}
		w.mu.Lock()
		w.parts = append(w.parts, core.ArchivePart{})
		w.mu.Unlock()
		uploads.Go(func() error { return w.upload(ctx, number, p) })
		return nil
	}
	err := w.eachFrame(ctx, func(packed []byte) error {
		if part == nil {
			part = w.store.parts.get(w.store.partRoom(0))
		}
		part = append(part, packed...)
		w.store.blocks.put(packed)
		if len(part) < w.store.cfg.PartBytes {
			return nil
		}
		return send()
	})
	if err == nil && len(part) > 0 {
		err = send()
	}
	return errors.Join(uploads.Wait(), err)
}

// eachFrame calls f with frames in their order until there are no more.
func (w *Writer) eachFrame(ctx context.Context, f func([]byte) error) error {
	for {
		var next *frame
		select {
		case <-ctx.Done():
			return nil // the failure is told by whoever had it
		case fr, more := <-w.frames:
			if !more {
				return nil
			}
			next = fr
		}
		select {
		case <-ctx.Done():
			return nil
		case <-next.done:
		}
		if err := f(next.packed); err != nil {
			return err
		}
	}
}

// upload seals a part and sends it.
func (w *Writer) upload(ctx context.Context, number int, plain []byte) error {
	size := len(plain)
	out := w.box.Seal(w.store.parts.get(w.store.partRoom(sealed.Size(int64(size)))), number, plain)
	w.store.parts.put(plain)
	sum := sha256.Sum256(out)
	digest := hex.EncodeToString(sum[:])
	if err := w.store.put(ctx, w.urls, number, out, sum); err != nil {
		return err
	}
	w.copies.keep(digest, out)
	w.stored.Add(int64(len(out)))
	w.mu.Lock()
	w.parts[number] = core.ArchivePart{Size: int64(len(out)), SHA256: digest, Plain: int64(size)}
	w.mu.Unlock()
	w.store.parts.put(out)
	return nil
}

// Stored is how many bytes the object store has taken so far.
func (w *Writer) Stored() int64 { return w.stored.Load() }

// Commit waits until all is stored and makes the archive visible.
func (w *Writer) Commit(ctx context.Context, files int, entries []wire.ArchiveEntry) (Kept, error) {
	if err := w.finish(w.flush()); err != nil {
		return Kept{}, err
	}
	commit := wire.ArchiveCommit{ID: w.begun.ID, Parts: w.parts, Plain: w.plain, Files: files, Entries: entries}
	var committed wire.ArchiveCommitted
	if err := w.store.call(ctx, wire.PathArchiveCommit, commit, &committed); err != nil {
		return Kept{}, err
	}
	w.copies.trim(0)
	return Kept{ID: w.begun.ID, Plain: w.plain, Stored: w.stored.Load(), Exists: committed.Exists, Skipped: committed.Skipped}, nil
}

// Abort gives the archive up; after Commit it does nothing. What was sent is
// never seen, and removed by the output service.
func (w *Writer) Abort() {
	w.cancel(errAborted)
	w.finish(errAborted)
}

// finish waits for all goroutines.
func (w *Writer) finish(err error) error {
	if !w.closed {
		w.closed = true
		close(w.work)
		close(w.frames)
	}
	if failed := w.group.Wait(); failed != nil {
		err = failed
	} else if w.base.Err() != nil { // the goroutines left without a word
		err = context.Cause(w.base)
	}
	w.cancel(nil)
	return err
}
