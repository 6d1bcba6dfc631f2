// SPDX-License-Identifier: MPL-2.0

package answer

import (
	"fmt"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// maxPath is the longest path of a socket, its closing zero left out (unix(7)).
const maxPath = 107

// shorten returns a name of path that fits into the address of a socket: where
// path does not, its folder is opened and named by its descriptor. release must
// be called after use.
func shorten(path string) (short string, release func(), err error) {
	if len(path) <= maxPath {
		return path, func() {}, nil
	}
	fd, err := unix.Open(filepath.Dir(path), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", nil, err
	}
	return fmt.Sprintf("/proc/self/fd/%d/%s", fd, filepath.Base(path)), func() { unix.Close(fd) }, nil
}
