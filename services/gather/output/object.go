// SPDX-License-Identifier: MPL-2.0

package output

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/muster-ci/muster/core"
)

// An object holds the streams of one attempt, one after the other. Each is cut
// into pieces of maxChunk bytes (the last one is shorter), and each piece is a
// zstd frame of its own, so that any offset is found by adding up lengths and
// read by decompressing one piece. The whole is a valid .zst file.

// unpacks is for DecodeAll alone, which many goroutines may call.
var unpacks = must(zstd.NewReader(nil, zstd.WithDecoderMaxMemory(2*window), zstd.WithDecoderConcurrency(0)))

// must is for constructors whose arguments are constants.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// upload writes the object of an attempt and fills in the index of each stream.
func (s *Service) upload(ctx context.Context, a *attemptRow, streams []*streamRow) error {
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return fmt.Errorf("making an encoder: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	read, write := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := s.deps.Objects.Put(ctx, a.Object, read)
		read.CloseWithError(errors.Join(io.ErrClosedPipe, err)) // the writer must not wait for a Put that gave up
		done <- err
	}()
	p := packer{out: write, encode: encoder.EncodeAll}
	err = s.packStreams(ctx, &p, streams)
	write.CloseWithError(err) // nil is the end of the object
	if putErr := <-done; putErr != nil {
		return fmt.Errorf("storing the object: %w", putErr)
	}
	if err != nil {
		return err
	}
	s.metrics.sealed.Add(float64(p.taken))
	s.metrics.compacted.Add(float64(p.at))
	return nil
}

func (s *Service) packStreams(ctx context.Context, p *packer, streams []*streamRow) error {
	for _, st := range streams {
		st.ObjectAt, st.Frames = p.at, nil
		var rest []byte
		for offset := int64(0); offset < st.Kept; {
			data, err := s.readChunks(ctx, st.Attempt, st.Stream, offset, window)
			if err != nil {
				return err
			}
			if len(data) == 0 {
				return core.Errorf(core.CodeInternal, "stream %d has no bytes at %d of %d", st.Stream, offset, st.Kept)
			}
			offset += int64(len(data))
			if rest, err = p.add(st, append(rest, data...), offset >= st.Kept); err != nil {
				return err
			}
		}
	}
	return nil
}

// packer writes pieces and counts.
type packer struct {
	out    io.Writer
	encode func(src, dst []byte) []byte
	at     int64 // in the object
	taken  int64 // of output
	buf    []byte
}

// add writes full pieces, or all when it is the last data of the stream, and
// returns what remains.
func (p *packer) add(st *streamRow, data []byte, last bool) ([]byte, error) {
	for len(data) >= maxChunk || last && len(data) > 0 {
		n := min(len(data), maxChunk)
		p.buf = p.encode(data[:n], p.buf[:0])
		if _, err := p.out.Write(p.buf); err != nil {
			return nil, fmt.Errorf("writing the object: %w", err)
		}
		st.Frames = binary.AppendUvarint(st.Frames, uint64(len(p.buf)))
		p.at += int64(len(p.buf))
		p.taken += int64(n)
		data = data[n:]
	}
	return data, nil
}

// readObject returns bytes from offset on out of the pieces that hold them: most
// of them at most, but for the rest of one piece, which is not read twice.
func (s *Service) readObject(ctx context.Context, in *streamInfo, offset int64, most int) ([]byte, error) {
	at, length, err := locate(in.Frames, offset/maxChunk, max(1, most/maxChunk))
	if err != nil {
		return nil, err
	}
	r, err := s.deps.Objects.GetRange(ctx, in.Object, in.ObjectAt+at, length)
	if err != nil {
		return nil, fmt.Errorf("opening sealed output: %w", err)
	}
	defer r.Close()
	packed := bytes.NewBuffer(make([]byte, 0, length))
	if _, err := io.Copy(packed, io.LimitReader(r, length)); err != nil {
		return nil, fmt.Errorf("reading sealed output: %w", err)
	}
	data, err := unpacks.DecodeAll(packed.Bytes(), nil)
	if err != nil {
		return nil, fmt.Errorf("decompressing sealed output: %w", err)
	}
	skip := offset % maxChunk
	if skip >= int64(len(data)) {
		return nil, core.Errorf(core.CodeInternal, "sealed output has no bytes at %d", offset)
	}
	return data[skip:], nil
}

// locate finds where piece n begins, counted from the stream's first, and how
// long it is together with those behind it, count in all.
func locate(frames []byte, n int64, count int) (at, length int64, err error) {
	for i := int64(0); len(frames) > 0 && i < n+int64(count); i++ {
		size, used := binary.Uvarint(frames)
		if used <= 0 {
			return 0, 0, core.Errorf(core.CodeInternal, "the index of sealed output is not readable")
		}
		frames = frames[used:]
		if i < n {
			at += int64(size)
		} else {
			length += int64(size)
		}
	}
	if length == 0 {
		return 0, 0, core.Errorf(core.CodeInternal, "sealed output has no piece %d", n)
	}
	return at, length, nil
}
