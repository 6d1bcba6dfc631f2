// SPDX-License-Identifier: MPL-2.0

package tree

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/muster-ci/muster/core"
)

// Root is a folder of which files are packed.
type Root struct {
	Name string   // what the names in the tar are below; "" for nothing
	Path string   // absolute
	Only []string // what to pack, relative to Path and Local; nil means all
}

// item is a file on its way into the tar.
type item struct {
	root int    // which of the roots it is of
	name string // in the tar
	path string
	kind fs.FileMode

	done    chan struct{} // closed when the fields below are there
	whole   []byte        // the finished entry, when it is small
	buffer  *[]byte       // that whole lies in
	later   bool          // it is read when its turn comes
	short   bool          // it became so while it was read, and was filled with zeroes
	changed bool          // in another way meanwhile
	gone    string        // why it is left out; "" when it is not
	bytes   int64
	err     error
}

// walker lists files in the order of the tar.
type walker struct {
	ctx   context.Context
	skip  []string // absolute paths of the agent's own
	order chan<- *item
	work  chan<- *item
}

// all lists the files of the roots.
func (w *walker) all(roots []Root) error {
	for i, root := range roots {
		if root.Only == nil {
			if err := w.tree(i, root.Path, or(root.Name, "."), fs.ModeDir); err != nil {
				return err
			}
		}
		for _, rel := range root.Only {
			at := filepath.Join(root.Path, rel)
			info, err := os.Lstat(at)
			if err != nil {
				return core.Errorf(core.CodeInvalid, "%s cannot be read: %v", at, reason(err))
			}
			if err := w.tree(i, at, path.Join(root.Name, rel), info.Mode()); err != nil {
				return err
			}
		}
	}
	return nil
}

func or(a, b string) string {
	if a == "" {
		return b
	}
	return a
}

// tree lists a file, and what is below it.
func (w *walker) tree(root int, at, name string, kind fs.FileMode) error {
	if slices.Contains(w.skip, at) {
		return nil
	}
	if err := w.emit(root, at, name, kind.Type()); err != nil || !kind.IsDir() {
		return err
	}
	folder, err := os.Open(at)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // its own item tells
		}
		return core.Errorf(core.CodeInvalid, "the folder %s cannot be read: %v", at, reason(err))
	}
	defer folder.Close()
	prefix := name + "/"
	if name == "." {
		prefix = ""
	}
	for {
		batch, err := folder.ReadDir(1024) // a folder of a million files is not held as a whole
		for _, e := range batch {
			if err := w.tree(root, at+"/"+e.Name(), prefix+e.Name(), e.Type()); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) || errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return core.Errorf(core.CodeInvalid, "the folder %s cannot be read: %v", at, reason(err))
		}
	}
}

// emit hands a file to those who write and those who read ahead.
func (w *walker) emit(root int, at, name string, kind fs.FileMode) error {
	it := &item{root: root, name: name, path: at, kind: kind, done: make(chan struct{})}
	for _, to := range []chan<- *item{w.order, w.work} {
		select {
		case to <- it:
		case <-w.ctx.Done():
			return context.Cause(w.ctx)
		}
	}
	return nil
}

// reason takes the path out of an error whose text has it already.
func reason(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
