// SPDX-License-Identifier: MPL-2.0

package tree

import (
	"path"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/muster-ci/muster/core"
)

// hardLink notes a link to a file that may not be written yet.
func (u *unpacker) hardLink(where *place, name string, h *entry) error {
	target := h.link
	if !Local(target) {
		return refused(h.name, "its link leads out of the folder")
	}
	to, rest, err := u.place(target)
	if err != nil {
		return err
	}
	if to != where || rest == "." || rest == name {
		return refused(h.name, "its link leads to no other file of the same saved path")
	}
	u.links = append(u.links, hardLink{where, name, rest})
	return nil
}

// makeLinks makes the links that wait. Neither name is followed if it is a
// symbolic link.
func (u *unpacker) makeLinks() error {
	for _, l := range u.links {
		from, err := l.place.folder(path.Dir(l.target))
		if err == nil {
			from.hold()
			err = l.make(from)
			from.release()
		}
		if err != nil {
			return core.Errorf(core.CodeInvalid, "%s cannot be linked to %s: %w", l.name, l.target, reason(err))
		}
	}
	u.links = u.links[:0]
	return nil
}

func (l *hardLink) make(from *folder) error {
	to, err := l.place.folder(path.Dir(l.name))
	if err != nil {
		return err
	}
	base := path.Base(l.name)
	var source, there unix.Stat_t
	if err := unix.Fstatat(from.fd(), path.Base(l.target), &source, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	if unix.Fstatat(to.fd(), base, &there, unix.AT_SYMLINK_NOFOLLOW) == nil && there.Ino == source.Ino && there.Dev == source.Dev {
		return nil // it is that file; to remove the name first could lose it
	}
	return inTheWay(to.fd(), base, func() error {
		return unix.Linkat(from.fd(), path.Base(l.target), to.fd(), base, 0)
	})
}

// settleFolders gives folders their modes and times, the innermost first, now
// that nothing more is written into them. A folder that has been replaced since
// is no longer the tar's.
func (u *unpacker) settleFolders() error {
	for _, f := range slices.Backward(u.folders) {
		at, err := f.place.folder(f.name)
		if err != nil {
			return core.Errorf(core.CodeInvalid, "the folder %s cannot be used: %v", f.name, reason(err))
		}
		if err = unix.Fchmod(at.fd(), f.mode); err == nil {
			m := made{folder: at, base: ".", mtime: f.mtime}
			err = m.setTime()
		}
		if err != nil {
			return core.Errorf(core.CodeInvalid, "mode and time of the folder %s cannot be set: %v", f.name, err)
		}
	}
	return nil
}
