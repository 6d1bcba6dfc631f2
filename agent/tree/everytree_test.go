// SPDX-License-Identifier: MPL-2.0

package tree

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// odds are what the file system or the user of the test may not allow to make;
// where something is missing, it says so and the rest is compared.
type odds struct {
	owners, devices, attributes, capability bool
}

// everyTree makes what oddTree makes, and what is not kept of files.
func everyTree(t *testing.T) (root string, have odds) {
	t.Helper()
	root = oddTree(t)
	at := func(name string) string { return filepath.Join(root, name) }
	everyTime(t, at)
	everyHole(t, at)
	must(t, os.Symlink("exact", at("hard link")))
	must(t, os.Link(at("hard link"), at("hard link of a link")))
	must(t, unix.Mkfifo(at("pipe"), 0o640))
	for name, mode := range map[string]uint32{"setuid": 0o4755, "setgid": 0o2755, "sticky": 0o1644, "all bits": 0o7777, "only mine": 0o400} {
		write(t, at(name), name)
		must(t, unix.Chmod(at(name), mode))
	}
	must(t, os.MkdirAll(at("folder of a group"), 0o755))
	must(t, unix.Chmod(at("folder of a group"), 0o2775))
	if os.Geteuid() == 0 { // nobody else could read them
		write(t, at("unreadable/file"), "x")
		must(t, os.Chmod(at("unreadable/file"), 0))
		must(t, os.Chmod(at("unreadable"), 0))
		t.Cleanup(func() { os.Chmod(at("unreadable"), 0o700) })
	}
	try := func(what string, err error) bool {
		if err != nil {
			t.Logf("not compared: %s cannot be made here: %v", what, err)
		}
		return err == nil
	}
	write(t, at("of another"), "x")
	have.owners = try("files of others", unix.Lchown(at("of another"), 12345, 54321))
	have.devices = try("devices", unix.Mknod(at("device"), unix.S_IFCHR|0o600, int(unix.Mkdev(1, 3))))
	write(t, at("attribute"), "x")
	have.attributes = try("extended attributes", unix.Setxattr(at("attribute"), "user.muster", []byte("value"), 0))
	write(t, at("capability"), "x")
	// Version 2, effective, CAP_NET_BIND_SERVICE.
	capability := []byte{1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	have.capability = try("capabilities", unix.Setxattr(at("capability"), "security.capability", capability, 0))
	return root, have
}

// everyTime makes files of times that are no whole number, or long ago.
func everyTime(t *testing.T, at func(string) string) {
	t.Helper()
	for i, when := range []time.Time{time.Unix(0, 0), time.Unix(0, 1), time.Unix(-1, 0), time.Unix(-1, 1), time.Unix(-1, 999_999_999),
		time.Unix(-2, 500_000_000), time.Unix(-1<<31, 7), time.Unix(1_700_000_000, 100_000_000), time.Unix(1<<31, 1), time.Unix(1<<33-1, 1), time.Unix(1<<33, 0)} {
		for kind, f := range map[string]func(string) error{
			"file": func(p string) error { return os.WriteFile(p, nil, 0o600) }, "folder": func(p string) error { return os.Mkdir(p, 0o700) },
			"link": func(p string) error { return os.Symlink("x", p) }} {
			p := at(fmt.Sprintf("time %d of a %s", i, kind))
			must(t, f(p))
			times := []unix.Timespec{{Sec: 1}, {Sec: when.Unix(), Nsec: int64(when.Nanosecond())}}
			must(t, unix.UtimesNanoAt(unix.AT_FDCWD, p, times, unix.AT_SYMLINK_NOFOLLOW))
		}
	}
}

// everyHole makes files with holes in all places.
func everyHole(t *testing.T, at func(string) string) {
	t.Helper()
	const piece = 64 << 10
	for name, pieces := range map[string]string{"hole first": "..x..x", "hole last": "x...", "hole in the midst": "x....x", "small with a hole": ".x",
		"many holes": strings.Repeat("x.", 40), "a deep/" + strings.Repeat("long", 50) + "/with holes \xff": "...x."} {
		must(t, os.MkdirAll(filepath.Dir(at(name)), 0o755))
		f, err := os.Create(at(name))
		must(t, err)
		for i, c := range pieces {
			if c == 'x' {
				_, err := f.WriteAt(noise(piece, byte(i+1)), int64(i*piece))
				must(t, err)
			}
		}
		must(t, f.Truncate(int64(len(pieces)*piece)-100)) // cuts off data or a hole
		must(t, f.Close())
	}
}

func noise(n int, seed byte) []byte {
	return bytes.Repeat([]byte{seed, seed ^ 0x55, 3}, n/3+1)[:n]
}

// kept is all that lstat and reading say of a file and that a copy could have
// too; what is not the same in two copies is named by the field.
type kept map[string]string

// look returns that of all files below a folder.
func look(t *testing.T, root string) map[string]kept {
	t.Helper()
	all, first := map[string]kept{}, map[inode]string{}
	var walk func(rel string)
	walk = func(rel string) {
		at := filepath.Join(root, rel)
		var info unix.Stat_t
		must(t, unix.Lstat(at, &info))
		k := kept{"kind": fmt.Sprintf("%#o", info.Mode&unix.S_IFMT), "permissions": fmt.Sprintf("%#o", info.Mode&0o777),
			"special bits": fmt.Sprintf("%#o", info.Mode&0o7000), "owner": fmt.Sprintf("%d:%d", info.Uid, info.Gid),
			"time": fmt.Sprintf("%d.%09d", info.Mtim.Sec, info.Mtim.Nsec), "attributes": attributesOf(t, at)}
		all[rel] = k
		switch info.Mode & unix.S_IFMT {
		case unix.S_IFDIR:
			entries, err := os.ReadDir(at)
			must(t, err)
			for _, e := range entries {
				walk(filepath.Join(rel, e.Name()))
			}
			return
		case unix.S_IFLNK:
			target, err := os.Readlink(at)
			must(t, err)
			k["target"] = target
		case unix.S_IFREG:
			content, err := os.ReadFile(at)
			must(t, err)
			k["content"], k["holes"] = string(content), holesOf(t, at)
			k["blocks"] = fmt.Sprint(info.Blocks)
		}
		key := inode{0, info.Dev, info.Ino}
		if first[key] == "" {
			first[key] = rel
		}
		k["same as"], k["names"] = first[key], fmt.Sprint(info.Nlink)
	}
	walk(".")
	return all
}

// attributesOf lists extended attributes with their values.
func attributesOf(t *testing.T, at string) string {
	t.Helper()
	names := make([]byte, 4096)
	n, err := unix.Llistxattr(at, names)
	if err != nil && !errors.Is(err, unix.ENOTSUP) {
		t.Fatal(err)
	}
	var list []string
	for name := range strings.SplitSeq(strings.TrimRight(string(names[:max(n, 0)]), "\x00"), "\x00") {
		if name == "" || name == "security.selinux" { // the system's
			continue
		}
		value := make([]byte, 4096)
		n, err := unix.Lgetxattr(at, name, value)
		must(t, err)
		list = append(list, fmt.Sprintf("%s=%x", name, value[:n]))
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}

// holesOf tells where the data of a file lies.
func holesOf(t *testing.T, at string) string {
	t.Helper()
	f, err := os.Open(at)
	must(t, err)
	defer f.Close()
	var info unix.Stat_t
	must(t, unix.Fstat(int(f.Fd()), &info))
	var list []extent
	for from := int64(0); from < info.Size; {
		begin, err := unix.Seek(int(f.Fd()), from, unix.SEEK_DATA)
		if err != nil {
			break
		}
		end, err := unix.Seek(int(f.Fd()), begin, unix.SEEK_HOLE)
		must(t, err)
		list, from = append(list, extent{begin, end - begin}), end
	}
	return fmt.Sprint(list)
}
