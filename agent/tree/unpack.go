// SPDX-License-Identifier: MPL-2.0

package tree

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/muster-ci/muster/core"
)

// UnpackOptions are what unpacking may be told.
type UnpackOptions struct {
	// Places are folders by the first part of names; nil means that all goes
	// below Root. A name that begins otherwise is refused.
	Places map[string]string
	Root   string
	// Resolve, when there is one, gets the content of the tar's first entry,
	// which has to be a file called PlacesName, and returns Places.
	Resolve func(content []byte) (map[string]string, error)
	// Entries and Bytes bound what the tar may hold, from a source that is
	// trusted; 0 means 20 million and 1 TiB.
	Entries int64
	Bytes   int64
	Count   *Counter // nil counts nothing
	// Entry is asked about every entry that is no folder; false leaves it out.
	Entry func(name string) bool
}

// unpacker writes the files of a tar.
type unpacker struct {
	opts   UnpackOptions
	ctx    context.Context
	group  *errgroup.Group
	tar    *reader
	places map[string]*place // by first part of names, "" for Root
	work   chan *made
	umask  uint32

	folders []attributes // to be set when all is written
	links   []hardLink   // to be made then
	bytes   int64
	entries int64

	small, large sync.Pool
	streams      chan struct{} // a token per large file that is being written
}

// attributes are a folder's.
type attributes struct {
	place *place
	name  string
	mode  uint32
	mtime time.Time
}

type hardLink struct {
	place        *place
	name, target string
}

const (
	maxEntries  = 20_000_000
	maxBytes    = 1 << 40
	manyLinks   = 10_000 // that wait, before all is written that they may lead to
	manyStreams = 4
)

// Unpack writes the files of a tar. After an error some of them are there, and
// none is outside the places.
func Unpack(ctx context.Context, in io.Reader, opts UnpackOptions) error {
	if opts.Count == nil {
		opts.Count = &Counter{}
	}
	if opts.Entries == 0 {
		opts.Entries = maxEntries
	}
	if opts.Bytes == 0 {
		opts.Bytes = maxBytes
	}
	u := &unpacker{opts: opts, tar: newReader(in), places: make(map[string]*place), umask: umask(),
		streams: make(chan struct{}, manyStreams)}
	defer func() {
		for _, p := range u.places {
			p.close()
		}
	}()
	if err := u.pass(ctx); err != nil {
		return err
	}
	if err := u.makeLinks(); err != nil {
		return err
	}
	if err := u.settleFolders(); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, in) // what follows the end, and whether all came
	return err
}

// pass reads all entries. Now and then it waits for what is under way, since
// links that wait take memory.
func (u *unpacker) pass(ctx context.Context) error {
	for {
		more, err := u.some(ctx)
		if err != nil || !more {
			return err
		}
		if err := u.makeLinks(); err != nil {
			return err
		}
	}
}

// some reads entries until there are no more or many links wait, and returns
// when what they say has been written.
func (u *unpacker) some(ctx context.Context) (more bool, err error) {
	u.group, u.ctx = errgroup.WithContext(ctx)
	u.work = make(chan *made, ahead)
	for range min(maxWorkers, runtime.GOMAXPROCS(0)) {
		u.group.Go(u.write)
	}
	more, err = u.entriesUntil()
	close(u.work)
	if failed := u.group.Wait(); failed != nil {
		return false, failed // which made the rest fail, if anything did
	}
	if err == nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return more, err
}

func (u *unpacker) entriesUntil() (more bool, err error) {
	for len(u.links) < manyLinks {
		var h entry
		err := u.tar.next(&h)
		if errors.Is(err, io.EOF) {
			return false, nil
		}
		if err != nil {
			if u.ctx.Err() != nil {
				return false, context.Cause(u.ctx)
			}
			return false, fmt.Errorf("reading the archive: %w", err)
		}
		if u.entries++; u.entries > u.opts.Entries {
			return false, refused(h.name, "there are more than %d entries", u.opts.Entries)
		}
		if u.opts.Resolve != nil && u.entries == 1 {
			err = u.resolve(&h)
		} else {
			err = u.entry(&h)
		}
		if err != nil {
			return false, err
		}
		u.opts.Count.Files.Add(1)
	}
	return true, nil
}

// resolve asks where the first parts of names lead to.
func (u *unpacker) resolve(h *entry) (err error) {
	if h.name != PlacesName || h.kind != tar.TypeReg || h.size > maxPlaces {
		return refused(h.name, "the first entry is not the list of saved paths")
	}
	content, err := io.ReadAll(u.tar)
	if err != nil {
		return fmt.Errorf("reading %s: %w", h.name, err)
	}
	u.opts.Places, err = u.opts.Resolve(content)
	if err == nil && u.opts.Places == nil {
		u.opts.Places = map[string]string{} // and not Root
	}
	return err
}

// write makes files until there are no more.
func (u *unpacker) write() error {
	for m := range u.work {
		if err := m.make(u.ctx, u); err != nil {
			if u.ctx.Err() != nil {
				return context.Cause(u.ctx)
			}
			return core.Errorf(core.CodeInvalid, "%s cannot be written: %w", m.name, err)
		}
	}
	return nil
}

// entry takes one entry.
func (u *unpacker) entry(h *entry) error {
	name := strings.TrimSuffix(h.name, "/")
	if !Local(name) {
		return refused(h.name, "its name leads out of the folder, or is none")
	}
	where, rest, err := u.place(name)
	if err != nil {
		return err
	}
	switch h.kind {
	case tar.TypeDir:
		return u.folder(where, rest, h)
	case tar.TypeReg, tar.TypeSymlink, tar.TypeLink:
		if rest == "." {
			return refused(h.name, "it is a file where a folder is")
		}
		if u.opts.Entry != nil && !u.opts.Entry(name) {
			return nil
		}
	}
	switch h.kind {
	case tar.TypeReg:
		return u.file(where, rest, h)
	case tar.TypeSymlink:
		if h.link == "" || len(h.link) > maxName || strings.ContainsRune(h.link, 0) {
			return refused(h.name, "its link leads nowhere")
		}
		m, err := u.made(where, rest, h)
		if err != nil {
			return err
		}
		m.link = h.link
		return u.send(m)
	case tar.TypeLink:
		return u.hardLink(where, rest, h)
	default:
		return refused(h.name, "it is neither file, folder nor link")
	}
}

// place finds where a name leads to.
func (u *unpacker) place(name string) (*place, string, error) {
	first, rest, at := "", name, u.opts.Root
	if u.opts.Places != nil {
		var ok bool
		first, rest, _ = strings.Cut(name, "/")
		if at, ok = u.opts.Places[first]; !ok {
			return nil, "", refused(name, "it belongs to no saved path")
		}
		if rest == "" {
			rest = "."
		}
	}
	if p, ok := u.places[first]; ok {
		return p, rest, nil
	}
	p, err := openPlace(at)
	if err != nil {
		return nil, "", core.Errorf(core.CodeInvalid, "the folder %s cannot be used: %w", at, reason(err))
	}
	u.places[first] = p
	return p, rest, nil
}

func (u *unpacker) folder(where *place, name string, h *entry) error {
	if name != "." {
		if err := where.makeFolder(name); err != nil {
			return core.Errorf(core.CodeInvalid, "the folder %s cannot be made: %w", h.name, reason(err))
		}
	} else if u.opts.Places == nil {
		return nil // the folder that was named by who unpacks is theirs
	}
	u.folders = append(u.folders, attributes{where, name, h.mode & 0o1777, h.mtime})
	return nil
}
