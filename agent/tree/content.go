// SPDX-License-Identifier: MPL-2.0

package tree

import (
	"context"
	"fmt"
	"io"
	"path"

	"github.com/muster-ci/muster/core"
)

// made prepares a file.
func (u *unpacker) made(where *place, name string, h *entry) (*made, error) {
	parent, err := where.folder(path.Dir(name))
	if err != nil {
		return nil, core.Errorf(core.CodeInvalid, "the folder of %s cannot be used: %w", h.name, reason(err))
	}
	return &made{folder: parent.hold(), base: path.Base(name), name: h.name, mode: h.mode & 0o777, mtime: h.mtime}, nil
}

func (u *unpacker) send(m *made) error {
	select {
	case u.work <- m:
		return nil
	case <-u.ctx.Done():
		m.folder.release()
		return context.Cause(u.ctx)
	}
}

// file reads a file's content; a large one is written while it is read.
func (u *unpacker) file(where *place, name string, h *entry) error {
	length, size := h.size, h.size
	var places []extent
	if h.sparse >= 0 {
		var err error
		length = h.sparse
		if places, err = readMap(u.tar, length); err != nil {
			return refused(h.name, "%v", err)
		}
		size = 0
		for _, x := range places {
			size += x.length
		}
	}
	if u.bytes += size; size < 0 || u.bytes > u.opts.Bytes {
		return refused(h.name, "there are more than %d bytes", u.opts.Bytes)
	}
	m, err := u.made(where, name, h)
	if err != nil {
		return err
	}
	m.places, m.length = places, length
	u.opts.Count.Bytes.Add(size)
	if size <= small && places == nil {
		buffer, ok := u.small.Get().(*[]byte)
		if !ok || int64(cap(*buffer)) < size {
			b := make([]byte, max(size, 16<<10))
			buffer = &b
		}
		m.buffer, m.whole = buffer, (*buffer)[:size]
		if _, err := io.ReadFull(u.tar, m.whole); err != nil {
			m.folder.release()
			return fmt.Errorf("reading %s: %w", h.name, err)
		}
		return u.send(m)
	}
	return u.stream(m, size)
}

// stream reads a large file and has it written beside the others.
func (u *unpacker) stream(m *made, size int64) error {
	select {
	case u.streams <- struct{}{}:
	case <-u.ctx.Done():
		m.folder.release()
		return context.Cause(u.ctx)
	}
	m.chunks = make(chan []byte, 3)
	defer close(m.chunks)
	ctx := u.ctx
	u.group.Go(func() error {
		defer func() { <-u.streams }()
		if err := m.make(ctx, u); err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return core.Errorf(core.CodeInvalid, "%s cannot be written: %w", m.name, err)
		}
		return nil
	})
	for size > 0 {
		buffer, ok := u.large.Get().(*[]byte)
		if !ok {
			b := make([]byte, chunk)
			buffer = &b
		}
		data := (*buffer)[:min(size, chunk)]
		if _, err := io.ReadFull(u.tar, data); err != nil {
			return fmt.Errorf("reading %s: %w", m.name, err)
		}
		size -= int64(len(data))
		select {
		case m.chunks <- data:
		case <-u.ctx.Done():
			return context.Cause(u.ctx)
		}
	}
	return nil
}
