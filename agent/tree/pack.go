// SPDX-License-Identifier: MPL-2.0

package tree

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"io/fs"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/muster-ci/muster/core"
)

// PackOptions are what packing may be told.
type PackOptions struct {
	Skip  []string // absolute paths that are left out with all below them
	Count *Counter // nil counts nothing
	// Places, when not nil, is the content of a first entry called PlacesName.
	Places []byte
	// Note tells of what is left out, in whole lines; nil tells nobody.
	Note func(format string, args ...any)
}

// ahead is how many files may be read before their turn.
const ahead = 256

// packer writes a tar.
type packer struct {
	ctx   context.Context
	out   io.Writer
	opts  PackOptions
	links map[inode]*linked
	spare sync.Pool // buffers of small entries
	chunk []byte
}

// Pack writes the files of roots to out as a tar. What changes while it is
// packed is packed with the size that it had first, and a note. An error of out
// is returned as it is.
func Pack(ctx context.Context, out io.Writer, roots []Root, opts PackOptions) error {
	if opts.Count == nil {
		opts.Count = &Counter{}
	}
	if opts.Note == nil {
		opts.Note = func(string, ...any) {}
	}
	group, ctx := errgroup.WithContext(ctx)
	p := &packer{ctx: ctx, out: out, opts: opts, links: make(map[inode]*linked)}
	order, work := make(chan *item, ahead), make(chan *item, ahead)
	group.Go(func() error {
		defer close(order)
		defer close(work)
		w := &walker{ctx: ctx, skip: opts.Skip, order: order, work: work}
		return w.all(roots)
	})
	for range min(maxWorkers, runtime.GOMAXPROCS(0)) {
		group.Go(func() error { return p.readAhead(work) })
	}
	group.Go(func() error { return p.write(order) })
	return group.Wait()
}

// write writes entries in their order.
func (p *packer) write(order <-chan *item) error {
	if err := p.writePlaces(); err != nil {
		return err
	}
	for {
		var it *item
		select {
		case <-p.ctx.Done():
			return context.Cause(p.ctx)
		case next, more := <-order:
			if !more {
				return p.end()
			}
			it = next
		}
		select {
		case <-p.ctx.Done():
			return context.Cause(p.ctx)
		case <-it.done:
		}
		if err := p.writeItem(it); err != nil {
			return err
		}
	}
}

func (p *packer) writePlaces() error {
	content := p.opts.Places
	if content == nil {
		return nil
	}
	size := int64(len(content))
	head := appendHeader(nil, &entry{name: PlacesName, kind: tar.TypeReg, mode: 0o644, size: size, mtime: time.Unix(0, 0), sparse: -1})
	_, err := p.out.Write(append(append(head, content...), zeros[:padding(size)]...))
	return err
}

// end writes the two blocks that end a tar, unless the walk failed.
func (p *packer) end() error {
	if p.ctx.Err() != nil {
		return context.Cause(p.ctx)
	}
	_, err := p.out.Write(make([]byte, 2*blockSize))
	return err
}

func (p *packer) writeItem(it *item) error {
	switch {
	case it.err != nil:
		return core.Errorf(core.CodeInvalid, "%s cannot be read: %v", it.path, reason(it.err))
	case it.gone != "":
		p.opts.Note("%s was left out: it is %s.", it.path, it.gone)
		return nil
	case it.later:
		if err := p.stream(it); err != nil {
			return err
		}
	default:
		_, err := p.out.Write(it.whole)
		if it.buffer != nil {
			p.spare.Put(it.buffer)
		}
		if err != nil {
			return err
		}
	}
	if it.changed {
		p.opts.Note("%s changed while it was read.", it.path)
	}
	p.opts.Count.Files.Add(1)
	p.opts.Count.Bytes.Add(it.bytes)
	return nil
}

// readAhead makes entries of files, in any order.
func (p *packer) readAhead(work <-chan *item) error {
	for {
		select {
		case <-p.ctx.Done():
			return nil
		case it, more := <-work:
			if !more {
				return nil
			}
			p.prepare(it)
			close(it.done)
		}
	}
}

func (p *packer) prepare(it *item) {
	var err error
	switch {
	case it.kind.IsRegular():
		err = p.prepareFile(it)
	case it.kind.IsDir():
		var info unix.Stat_t
		if err = unix.Lstat(it.path, &info); err == nil && info.Mode&unix.S_IFMT != unix.S_IFDIR {
			it.gone = "another file than before"
		}
		it.whole = appendHeader(nil, &entry{name: it.name + "/", kind: tar.TypeDir, mode: info.Mode & 0o1777, mtime: mtime(&info), sparse: -1})
	case it.kind&fs.ModeSymlink != 0:
		err = prepareLink(it)
	default:
		it.gone = kindName(it.kind)
	}
	if errors.Is(err, fs.ErrNotExist) {
		it.gone, err = "no longer there", nil
	}
	it.err = err
}

func kindName(kind fs.FileMode) string {
	switch {
	case kind&fs.ModeSocket != 0:
		return "a socket"
	case kind&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case kind&fs.ModeDevice != 0:
		return "a device"
	default:
		return "neither file, folder nor link"
	}
}

// changed tells whether an open file is another than it was.
func changed(fd int, before *unix.Stat_t) bool {
	var now unix.Stat_t
	return unix.Fstat(fd, &now) == nil && (now.Size != before.Size || now.Mtim != before.Mtim)
}

func mtime(info *unix.Stat_t) time.Time {
	return time.Unix(info.Mtim.Unix())
}

// open opens a regular file, and nothing that has taken its place.
func open(at string, info *unix.Stat_t) (int, error) {
	fd, err := unix.Open(at, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	if err := unix.Fstat(fd, info); err != nil {
		unix.Close(fd)
		return -1, err
	}
	if info.Mode&unix.S_IFMT != unix.S_IFREG {
		unix.Close(fd)
		return -1, fs.ErrNotExist // what was listed is gone
	}
	if err := ofDisk(fd); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// prepareFile reads a small file. A larger one, and one that has other names,
// is read when its turn comes; the kernel is told that it will be.
func (p *packer) prepareFile(it *item) error {
	var info unix.Stat_t
	fd, err := open(it.path, &info)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if info.Nlink > 1 || info.Size > small {
		it.later = true
		unix.Fadvise(fd, 0, min(info.Size, 8<<20), unix.FADV_WILLNEED)
		return nil
	}
	buffer := p.buffer()
	e := entry{name: it.name, kind: tar.TypeReg, mode: info.Mode & 0o777, size: info.Size, mtime: mtime(&info), sparse: -1}
	head := appendHeader((*buffer)[:0], &e)
	size := int(info.Size)
	whole := append(head, make([]byte, size+padding(info.Size))...)
	n, err := readFull(fd, whole[len(head):][:size])
	if err != nil {
		return err
	}
	it.changed = changed(fd, &info)
	if n < size { // it shrank; its header says so
		e.size = int64(n)
		whole = append(appendHeader(nil, &e), whole[len(head):][:n]...)
		whole = append(whole, zeros[:padding(e.size)]...)
	}
	*buffer = whole
	it.whole, it.buffer, it.bytes = whole, buffer, e.size
	return nil
}

func (p *packer) buffer() *[]byte {
	if b, ok := p.spare.Get().(*[]byte); ok {
		return b
	}
	return new([]byte)
}

// readFull reads until p is full or the file ends.
func readFull(fd int, p []byte) (int, error) {
	total := 0
	for total < len(p) {
		n, err := unix.Read(fd, p[total:])
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return total, err
		}
		if n == 0 {
			break
		}
		total += n
	}
	return total, nil
}
