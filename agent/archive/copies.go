// SPDX-License-Identifier: MPL-2.0

package archive

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/sys/unix"
)

// copies are parts in a folder of the client, each in the file
// <first two digits>/<SHA-256>. Agents of many tasks use the folder at once: a
// file appears whole or not at all, and may go at any time. Nothing here can
// fail a step.
//
// So can builds, of any project. Hence a copy is believed for its digest alone;
// nothing is opened that a build could have waiting for us, such as a pipe; and
// all is done below root, which a planted link does not lead out of: an agent of
// the machine executor is root on the client.
type copies struct {
	root     *os.Root
	most     int64 // bytes
	logger   hclog.Logger
	newID    func() string
	added    atomic.Int64 // bytes since the last trim
	trimming sync.Mutex   // whoever makes room
}

// mostTries is how often a copy is tried for which there is no room: another
// part may take the room that was made.
const mostTries = 4

var digestName = regexp.MustCompile(`^[0-9a-f]{64}$`)

// openCopies returns the copies in a folder, which it makes; nil, and so none,
// when that is not possible.
func openCopies(cfg Config, deps Deps) *copies {
	if cfg.CopiesDir == "" {
		return nil
	}
	root, err := os.OpenRoot(cfg.CopiesDir)
	if errors.Is(err, os.ErrNotExist) {
		if err = os.MkdirAll(cfg.CopiesDir, 0o777); err == nil {
			root, err = os.OpenRoot(cfg.CopiesDir)
		}
	}
	if err != nil {
		deps.Logger.Warn("the folder of local copies cannot be used", "path", cfg.CopiesDir, "error", err)
		return nil
	}
	return &copies{root: root, most: cfg.CopiesBytes, logger: deps.Logger, newID: deps.NewID}
}

// nameOf is where a copy is below the root.
func nameOf(digest string) string { return digest[:2] + "/" + digest }

// read appends a part to buffer, which has the room, when a whole copy of it is
// here. One that is not what its name says is removed.
func (c *copies) read(digest string, size int64, buffer []byte) ([]byte, bool) {
	if c == nil || !digestName.MatchString(digest) {
		return buffer, false
	}
	name := nameOf(digest)
	info, err := c.root.Lstat(name)
	if err != nil {
		return buffer, false
	}
	err = errors.New("it is no file of that size")
	if info.Mode().IsRegular() && info.Size() == size {
		var got []byte
		if got, err = c.load(name, digest, buffer[:size]); err == nil {
			return got, true
		}
	}
	c.logger.Warn("a local copy of an archive's part is damaged and was removed", "name", name, "error", err)
	c.root.Remove(name)
	return buffer, false
}

// load fills got with a file and checks it there, where nobody can change it any
// more.
func (c *copies) load(name, digest string, got []byte) ([]byte, error) {
	// Whatever has taken the file's place meanwhile, opening it does not wait.
	file, err := c.root.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is no file any more")
	}
	if _, err := io.ReadFull(file, got); err != nil {
		return nil, err
	}
	if digestOf(got) != digest {
		return nil, errors.New("its SHA-256 is another")
	}
	// What was of use last goes last. Setting "now" asks for the right to write
	// alone, and so works for agents of other users too.
	unix.Futimes(int(file.Fd()), nil)
	return got, nil
}

// keep adds a part.
func (c *copies) keep(digest string, sealed []byte) {
	size := int64(len(sealed))
	if c == nil || !digestName.MatchString(digest) || size > c.most {
		return
	}
	name := nameOf(digest)
	if info, err := c.root.Lstat(name); err == nil && info.Mode().IsRegular() && info.Size() == size {
		return
	}
	if !c.hasRoom(size) {
		return
	}
	err := c.write(name, sealed)
	for range mostTries {
		if !errors.Is(err, unix.ENOSPC) && !errors.Is(err, unix.EDQUOT) {
			break
		}
		c.trim(size) // the file system is smaller than what the copies may take
		err = c.write(name, sealed)
	}
	if err != nil {
		c.logger.Debug("a local copy of an archive's part was not kept", "name", name, "error", err)
		return
	}
	if c.added.Add(size) > c.most/8 {
		c.trim(0)
	}
}

func (c *copies) write(name string, sealed []byte) error {
	folder := name[:2]
	if info, err := c.root.Lstat(folder); err == nil && !info.IsDir() {
		c.root.Remove(folder)
	}
	if c.root.Mkdir(folder, 0o777) == nil {
		c.root.Chmod(folder, 0o777) // agents of other users add to it, whatever our umask is
	}
	unfinished := name + "." + c.newID()
	file, err := c.root.OpenFile(unfinished, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
	if err != nil {
		return fmt.Errorf("making the file: %w", err)
	}
	_, err = file.Write(sealed)
	err = errors.Join(err, file.Chmod(0o666), file.Close())
	if err == nil {
		err = c.root.Rename(unfinished, name)
	}
	if err != nil {
		c.root.Remove(unfinished)
	}
	return err
}
