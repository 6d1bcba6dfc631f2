// SPDX-License-Identifier: MPL-2.0

package process

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// plainTerminal switches off what a terminal does to bytes that pass it: no
// carriage return is put before a newline, and nothing that is typed is
// echoed. So the log of a step is, byte for byte, what its command wrote.
func plainTerminal(f *os.File) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	err = conn.Control(func(fd uintptr) {
		attr, err := unix.IoctlGetTermios(int(fd), unix.TCGETS)
		if err != nil {
			inner = err
			return
		}
		attr.Oflag &^= unix.OPOST
		attr.Lflag &^= unix.ECHO | unix.ECHOE | unix.ECHOK | unix.ECHONL
		inner = unix.IoctlSetTermios(int(fd), unix.TCSETS, attr)
	})
	if err != nil {
		return err
	}
	return inner
}

// lookPath finds a program in the PATH that the command will have, which need
// not be the agent's own.
func lookPath(name string, env []string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	for _, dir := range filepath.SplitList(Getenv(env, "PATH")) {
		path := filepath.Join(dir, name)
		info, err := os.Stat(path)
		if err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return path, nil
		}
	}
	return "", fmt.Errorf("%w: %s", exec.ErrNotFound, name)
}

// LookPath tells whether a command with this environment would find a program.
func LookPath(name string, env []string) bool {
	_, err := lookPath(name, env)
	return err == nil
}

// Getenv returns a variable of an environment in the form of os.Environ; the
// last one of a name wins, as it does for a command.
func Getenv(env []string, name string) string {
	for i := len(env) - 1; i >= 0; i-- {
		if value, ok := strings.CutPrefix(env[i], name+"="); ok {
			return value
		}
	}
	return ""
}
