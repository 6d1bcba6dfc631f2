// SPDX-License-Identifier: MPL-2.0

package archive

import (
	"context"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/muster-ci/muster/core"
)

// part is one that is being fetched; compressed is valid once done is closed.
type part struct {
	compressed []byte
	frames     atomic.Int32 // of it that are still to be decompressed, and one
	done       chan struct{}
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
	p.compressed, err = r.box.OpenInPlace(number, stored)
	return err
}

// release gives the buffer of a part back when nobody reads it any more.
func (r *Reader) release(p *part) {
	if p.frames.Add(-1) == 0 {
		r.store.parts.put(p.compressed)
	}
}

// StoredSize is how many bytes an archive has in the object store.
func StoredSize(parts []core.ArchivePart) int64 {
	var total int64
	for _, p := range parts {
		total += p.Size
	}
	return total
}
