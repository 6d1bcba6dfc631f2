// SPDX-License-Identifier: MPL-2.0

package execute

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/muster-ci/muster/agent/archive"
	"github.com/muster-ci/muster/agent/stream"
	"github.com/muster-ci/muster/agent/tree"
	"github.com/muster-ci/muster/core"
)

// Bounds of what one step keeps, within those of the service that reads it.
const (
	maxResultFiles = 50_000
	maxResultBytes = 1 << 30 // of all files
	maxResultFile  = 256 << 20
)

// storeTestResults keeps files of test results. Nothing about them fails a job:
// neither that there are none, nor that they cannot be kept.
func (j *job) storeTestResults(ctx context.Context, plan core.StoreTestResultsStep, out *stream.StepWriter) (outcome, error) {
	k := j.keep(out, j.cfg.Keep.Patience)
	at := j.path(plan.Path, j.directory)
	found, err := resultFiles(at)
	if err != nil {
		k.say("Unable to save test results from %s", at)
		k.say("Error path is not valid %s: %v", at, err)
		k.say("Found no test results, skipping")
		return k.success()
	}
	k.say("Archiving the following test results\n  * %s", at)
	if len(found) == 0 {
		k.say("Found no test results, skipping: no file in it ends in .xml, .trx or .json")
		return k.success()
	}
	bounded, end := k.within(ctx)
	defer end()
	w, err := k.store.Create(bounded, core.ArchiveTestResults, out.Number(), "")
	if err != nil {
		return k.warn(ctx, "the test results could not be kept: %v", err)
	}
	p := &resultPacker{keeping: k, writer: w, tar: tar.NewWriter(w)}
	if err := p.all(bounded, at, found); err != nil {
		w.Abort()
		return k.warn(ctx, "the test results could not be kept: %v", err)
	}
	k.say("Uploaded %d files, %s", p.files, size(p.bytes))
	return k.success()
}

// resultFiles lists what is to be kept: a file as it is called, and of a folder
// the files that may be test results, not those of hidden folders below it.
func resultFiles(at string) ([]string, error) {
	info, err := os.Stat(at) // a link is followed here: it was named
	if err != nil {
		return nil, err
	}
	if info.Mode().IsRegular() {
		return []string{at}, nil
	}
	if !info.IsDir() {
		return nil, errors.New("it is neither a file nor a folder")
	}
	top, err := filepath.EvalSymlinks(at)
	if err != nil {
		return nil, err
	}
	var found []string
	err = filepath.WalkDir(top, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && path != top && strings.HasPrefix(entry.Name(), "."):
			return fs.SkipDir
		case entry.Type().IsRegular() && mayBeResults(path):
			found = append(found, path)
		}
		return nil
	})
	return found, err
}

// mayBeResults tells by the name, and of JSON, which is used for so much, by how
// it begins: Cucumber writes a list.
func mayBeResults(path string) bool {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".xml", ".trx":
		return true
	case ".json":
		file, _, err := tree.Open(path)
		if err != nil {
			return false
		}
		defer file.Close()
		head := make([]byte, 512)
		n, _ := io.ReadFull(file, head) // fewer bytes may be the whole file
		return bytes.HasPrefix(bytes.TrimLeft(head[:n], "\ufeff \t\r\n"), []byte("["))
	default:
		return false
	}
}

// resultPacker makes a tar of files whose secrets are masked.
type resultPacker struct {
	*keeping
	writer *archive.Writer
	tar    *tar.Writer
	files  int
	bytes  int64
}

// all packs the files and makes them visible.
func (p *resultPacker) all(ctx context.Context, at string, found []string) error {
	top := at
	if len(found) == 1 && found[0] == at {
		top = filepath.Dir(at)
	} else if real, err := filepath.EvalSymlinks(at); err == nil {
		top = real
	}
	for i, path := range found {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if i == maxResultFiles || p.bytes >= maxResultBytes {
			p.say("  The other %d files were left out: a step keeps %d files with %s.", len(found)-i, maxResultFiles, size(maxResultBytes))
			break
		}
		name, err := filepath.Rel(top, path)
		if err != nil {
			return err
		}
		if err := p.file(path, filepath.ToSlash(name)); err != nil {
			return fmt.Errorf("reading %s: %w", path, err)
		}
	}
	if err := p.tar.Close(); err != nil {
		return err
	}
	_, err := p.writer.Commit(ctx, p.files, nil)
	return err
}

// file packs one. A tar says how long a file is before its bytes, and masking
// changes that: so the file is masked twice, the first time only to be measured.
func (p *resultPacker) file(path, name string) error {
	file, info, err := tree.Open(path)
	if errors.Is(err, tree.ErrNoFile) {
		p.say("  %s was left out: %v.", path, tree.ErrNoFile)
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	if info.Size() > maxResultFile {
		p.say("  %s was left out: it has %s, more than %s.", path, size(info.Size()), size(maxResultFile))
		return nil
	}
	var length measure
	if err := p.masked(&length, file, info.Size()); err != nil {
		return err
	}
	head := &tar.Header{Typeflag: tar.TypeReg, Name: p.deps.Masks.String(strings.ToValidUTF8(name, "\uFFFD")), Size: int64(length), Mode: 0o644, ModTime: info.ModTime()}
	if err := p.tar.WriteHeader(head); err != nil {
		return err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	exact := &exactly{w: p.tar, left: int64(length)}
	if err := p.masked(exact, file, info.Size()); err != nil {
		return err
	}
	p.files, p.bytes = p.files+1, p.bytes+int64(length)
	return exact.fill()
}

// masked copies so much of a file, in UTF-8 and without the secrets of the task.
func (p *resultPacker) masked(to io.Writer, file io.Reader, length int64) error {
	mask := p.deps.Masks.Writer(to)
	if _, err := io.Copy(mask, narrow(io.LimitReader(file, length))); err != nil {
		return err
	}
	return mask.Flush()
}

// measure counts what is written to it.
type measure int64

func (m *measure) Write(p []byte) (int, error) {
	*m += measure(len(p))
	return len(p), nil
}

// exactly writes as many bytes as were promised, also of a file that somebody
// writes to meanwhile: what is more is dropped, what is missing is blank.
type exactly struct {
	w    io.Writer
	left int64
}

func (e *exactly) Write(p []byte) (int, error) {
	n := min(int64(len(p)), e.left)
	if _, err := e.w.Write(p[:n]); err != nil {
		return 0, err
	}
	e.left -= n
	return len(p), nil
}

func (e *exactly) fill() error {
	blank := []byte(strings.Repeat(" ", 4<<10))
	for e.left > 0 {
		if _, err := e.Write(blank[:min(e.left, int64(len(blank)))]); err != nil {
			return err
		}
	}
	return nil
}
