// SPDX-License-Identifier: MPL-2.0

package tree

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"io/fs"

	"golang.org/x/sys/unix"

	"github.com/muster-ci/muster/core"
)

// roomy is a writer that lets its own buffer be filled.
type roomy interface {
	Room() []byte
	Advance(n int) error
}

// stream writes the entry of a large file, or of one with several names.
func (p *packer) stream(it *item) error {
	if it.kind&fs.ModeSymlink != 0 {
		return p.streamLink(it)
	}
	var info unix.Stat_t
	fd, err := open(it.path, &info)
	if errors.Is(err, fs.ErrNotExist) {
		return p.lost(it)
	}
	if err != nil {
		return core.Errorf(core.CodeInvalid, "%s cannot be read: %v", it.path, err)
	}
	defer unix.Close(fd)
	e := entry{name: it.name, kind: tar.TypeReg, mode: info.Mode & 0o777, size: info.Size, mtime: mtime(&info), sparse: -1}
	if first := p.firstName(it, &info); first != "" {
		e.kind, e.link, e.size = tar.TypeLink, first, 0
		_, err := p.out.Write(appendHeader(nil, &e))
		return err
	}
	list, holes := extentsOf(fd, &info)
	if !holes {
		list = []extent{{0, info.Size}}
	}
	var head []byte
	if holes {
		places := appendMap(nil, list)
		e.sparse, e.size = info.Size, int64(len(places))
		for _, x := range list {
			e.size += x.length
		}
		head = append(appendHeader(nil, &e), places...)
	} else {
		head = appendHeader(nil, &e)
	}
	if _, err := p.out.Write(head); err != nil {
		return err
	}
	for _, x := range list {
		if err := p.copy(it, fd, x); err != nil {
			return err
		}
		it.bytes += x.length
	}
	it.changed = !it.short && changed(fd, &info)
	_, err = p.out.Write(zeros[:padding(e.size)])
	return err
}

// lost tells of a file that was there when its folder was listed.
func (p *packer) lost(it *item) error {
	p.opts.Note("%s was left out: it is no longer there.", it.path)
	return nil
}

// copy writes a piece of a file, filled with zeroes where the file has shrunk.
func (p *packer) copy(it *item, fd int, x extent) error {
	for done := int64(0); done < x.length; {
		if p.ctx.Err() != nil {
			return context.Cause(p.ctx)
		}
		room := p.room(x.length - done)
		n, err := pread(fd, room, x.offset+done)
		if err != nil {
			return core.Errorf(core.CodeInvalid, "%s cannot be read: %v", it.path, err)
		}
		if n == 0 {
			if !it.short {
				p.opts.Note("%s became shorter while it was read; the rest is filled with zeroes.", it.path)
			}
			it.short, n = true, len(room)
			clear(room)
		}
		if err := p.advance(room[:n]); err != nil {
			return err
		}
		done += int64(n)
	}
	return nil
}

// room is where the next bytes are read to, at most so many.
func (p *packer) room(most int64) []byte {
	var room []byte
	if r, ok := p.out.(roomy); ok {
		room = r.Room()
	} else {
		if p.chunk == nil {
			p.chunk = make([]byte, chunk)
		}
		room = p.chunk
	}
	return room[:min(int64(len(room)), most, chunk)]
}

// advance writes what was read to the place that room gave.
func (p *packer) advance(filled []byte) error {
	if r, ok := p.out.(roomy); ok {
		return r.Advance(len(filled))
	}
	n, err := p.out.Write(filled)
	if err == nil && n < len(filled) {
		err = io.ErrShortWrite
	}
	return err
}

func pread(fd int, p []byte, offset int64) (int, error) {
	for {
		n, err := unix.Pread(fd, p, offset)
		if !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}
