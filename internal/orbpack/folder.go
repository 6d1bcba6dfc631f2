// SPDX-License-Identifier: MPL-2.0

package orbpack

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// PackFolder makes the source of the orb at a path: a folder with an unpacked
// orb, or one file. What is read stays below the folder, or the file's folder.
func PackFolder(name string) (string, error) {
	info, err := os.Stat(name)
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", name, plain(err))
	}
	folder, file := name, ""
	if !info.IsDir() {
		folder, file = filepath.Dir(name), filepath.Base(name)
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", name, plain(err))
	}
	defer root.Close()
	if file != "" {
		return PackFile(root.FS(), file)
	}
	return Pack(unpackedIn(root.FS()))
}

// unpackedIn goes down to src, where CircleCI's template of an orb's repository
// keeps the orb.
func unpackedIn(fsys fs.FS) fs.FS {
	for _, name := range []string{"@orb.yml", "@orb.yaml", "orb.yml", "orb.yaml"} {
		if _, err := fs.Stat(fsys, name); err == nil {
			return fsys
		}
	}
	if _, err := fs.Stat(fsys, "src/@orb.yml"); err != nil {
		return fsys
	}
	sub, err := fs.Sub(fsys, "src")
	if err != nil {
		return fsys
	}
	return sub
}
