// SPDX-License-Identifier: MPL-2.0

package archive

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/objects"
	"github.com/muster-ci/muster/internal/sealed"
)

// maxWindow bounds the memory of decompression; agents use far smaller windows.
const maxWindow = 64 << 20

// OpenArchive implements core.Archives.
func (s *Archives) OpenArchive(ctx context.Context, id core.ArchiveID) (io.ReadCloser, error) {
	r, err := s.row(ctx, id)
	if err != nil {
		return nil, err
	}
	if r.State != stateCommitted || r.Kind == core.ArchiveArtifacts {
		return nil, gone(id)
	}
	packed, err := s.plain(ctx, r, 0, -1)
	if err != nil {
		return nil, err
	}
	d, err := zstd.NewReader(packed, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("decompressing archive %s: %w", id, err), packed.Close())
	}
	return tarReader{d, packed}, nil
}

// tarReader closes both ends.
type tarReader struct {
	*zstd.Decoder
	packed io.Closer
}

func (t tarReader) Close() error {
	t.Decoder.Close()
	return t.packed.Close()
}

// plain opens length bytes from offset of what the parts of an archive hold
// before encryption, one part after the other; a length below 0 means all.
func (s *Archives) plain(ctx context.Context, r *row, offset, length int64) (io.ReadCloser, error) {
	secret, err := s.secret(ctx, r)
	if err != nil {
		return nil, err
	}
	box, err := sealed.New(secret)
	if err != nil {
		return nil, err
	}
	parts, err := s.parts(ctx, r)
	if err != nil {
		return nil, err
	}
	p := &plainReader{ctx: ctx, objects: s.deps.Objects, archive: r, box: box, left: length}
	for i, part := range parts {
		size, err := sealed.PlainSize(part.Size)
		if err != nil {
			return nil, err
		}
		if offset >= size && offset > 0 {
			offset -= size
			continue
		}
		p.parts = append(p.parts, partRange{part: i, sealed: part.Size, offset: offset, length: size - offset})
		offset = 0
	}
	return p, nil
}

type partRange struct {
	part                   int
	sealed, offset, length int64
}

// plainReader opens one part after the other as it is read.
type plainReader struct {
	ctx     context.Context //nolint:containedctx // of the call that opened it, which its reading belongs to
	objects *objects.Store
	archive *row
	box     *sealed.Box
	parts   []partRange
	left    int64 // below 0: all
	open    io.ReadCloser
}

func (p *plainReader) Read(b []byte) (int, error) {
	for {
		if p.left == 0 {
			return 0, io.EOF
		}
		if p.open == nil {
			if len(p.parts) == 0 {
				if p.left > 0 {
					return 0, io.ErrUnexpectedEOF
				}
				return 0, io.EOF
			}
			if err := p.next(); err != nil {
				return 0, err
			}
		}
		n, err := p.open.Read(b)
		if p.left > 0 {
			p.left -= int64(n)
		}
		if errors.Is(err, io.EOF) {
			err = p.open.Close()
			p.open = nil
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

// next opens the part whose turn it is.
func (p *plainReader) next() error {
	want := p.parts[0]
	if p.left > 0 {
		want.length = min(want.length, p.left)
	}
	open, err := p.box.Reader(want.part, want.sealed, want.offset, want.length, func(offset, length int64) (io.ReadCloser, error) {
		return p.objects.GetRange(p.ctx, p.archive.object(want.part), offset, length)
	})
	if err != nil {
		return fmt.Errorf("opening part %d of archive %s: %w", want.part, p.archive.ID, err)
	}
	p.open, p.parts = open, p.parts[1:]
	return nil
}

// Close implements io.Closer.
func (p *plainReader) Close() error {
	if p.open == nil {
		return nil
	}
	return p.open.Close()
}
