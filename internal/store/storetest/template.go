// SPDX-License-Identifier: MPL-2.0

package storetest

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
)

// binaries are the programs of one installed version of PostgreSQL.
type binaries struct{ postgres, initdb string }

// findBinaries looks in PATH, then where Debian puts what it keeps out of PATH,
// the highest version first.
func findBinaries() (binaries, error) {
	postgres, err1 := exec.LookPath("postgres")
	initdb, err2 := exec.LookPath("initdb")
	if err1 == nil && err2 == nil {
		return binaries{postgres, initdb}, nil
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil {
		return binaries{}, err
	}
	slices.SortFunc(found, func(a, b string) int { return version(b) - version(a) })
	for _, dir := range found {
		b := binaries{filepath.Join(dir, "postgres"), filepath.Join(dir, "initdb")}
		if _, err := os.Stat(b.postgres); err != nil {
			continue
		}
		if _, err := os.Stat(b.initdb); err == nil {
			return b, nil
		}
	}
	return binaries{}, errors.New("neither PATH nor /usr/lib/postgresql/*/bin has the programs postgres and initdb")
}

func version(bin string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(bin)))
	return n
}

// account is whom the server runs as; nil is the user of the tests.
type account struct{ uid, gid int }

// unprivileged finds a user for the server when the tests run as root.
func unprivileged() (*account, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.Atoi(u.Uid)
		gid, err2 := strconv.Atoi(u.Gid)
		if err1 == nil && err2 == nil && uid != 0 {
			return &account{uid, gid}, nil
		}
	}
	return nil, errors.New("the tests run as root, whom PostgreSQL refuses, and there is no user postgres or nobody")
}

// attributes also give the process a group of its own, so that an interrupt at
// the terminal reaches the tests and not their database.
func (a *account) attributes() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true}
	if a != nil {
		attr.Credential = &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)}
	}
	return attr
}

// own hands everything under dir to the account.
func (a *account) own(dir string) error {
	if a == nil {
		return nil
	}
	return filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, a.uid, a.gid)
	})
}

// copyTemplate makes dir/data from a data folder that initdb made once per
// version and machine, since a copy takes a tenth of the time.
func copyTemplate(bin binaries, who *account, dir string) error {
	template, err := templateFolder(bin)
	if err != nil {
		return err
	}
	data := filepath.Join(dir, "data")
	if _, err := os.Stat(template); err == nil {
		if err := os.CopyFS(data, os.DirFS(template)); err != nil {
			return err
		}
		if err := os.Chmod(data, 0o700); err != nil {
			return err
		}
		return who.own(dir)
	}
	if err := initdb(bin, who, dir); err != nil {
		return err
	}
	// Where the cache cannot be written the next binary runs initdb again; that
	// is slow and not wrong.
	_ = keepTemplate(data, template)
	return nil
}

// initOptions are part of the template's name.
func initOptions() []string {
	return []string{
		"--username=" + superuser, "--auth=trust", "--encoding=UTF8", "--locale=C",
		"--no-sync", "--no-instructions", "--wal-segsize=1",
	}
}

func initdb(bin binaries, who *account, dir string) error {
	if err := who.own(dir); err != nil {
		return err
	}
	cmd := exec.Command(bin.initdb, append(initOptions(), "--pgdata="+filepath.Join(dir, "data"))...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + filepath.Dir(bin.initdb) + ":" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
	cmd.SysProcAttr = who.attributes()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("running initdb: %w: %s", err, out)
	}
	return nil
}

func templateFolder(bin binaries) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	real, err := filepath.EvalSymlinks(bin.postgres)
	if err != nil {
		return "", err
	}
	info, err := os.Stat(real)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	fmt.Fprintln(h, real, info.Size(), info.ModTime().UnixNano(), initOptions())
	return filepath.Join(cache, "muster", "pgtemplate", hex.EncodeToString(h.Sum(nil))[:16]), nil
}

// keepTemplate copies data aside and renames it into place, so that another
// binary that looks at the same time sees all of it or nothing.
func keepTemplate(data, template string) error {
	if err := os.MkdirAll(filepath.Dir(template), 0o700); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(template), "new-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	fresh := filepath.Join(tmp, "data")
	if err := os.CopyFS(fresh, os.DirFS(data)); err != nil {
		return err
	}
	return os.Rename(fresh, template)
}
