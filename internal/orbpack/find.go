// SPDX-License-Identifier: MPL-2.0

package orbpack

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Manifest is the name of the file at the top of an import that names its orbs
// itself, in place of the names of folders and files.
const Manifest = "orbs.yml"

// maxFound is how many versions one import may bring.
const maxFound = 100_000

// Version is one version of an orb in an import.
type Version struct {
	Orb        string // full name
	Version    string // "1.2.3" or "dev:label"
	Path       string // of its file or folder
	Private    bool
	Categories []string

	fsys fs.FS
}

// Source packs the version.
func (v Version) Source() (string, error) {
	info, err := fs.Stat(v.fsys, v.Path)
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", v.Path, plain(err))
	}
	folder := path.Dir(v.Path)
	if info.IsDir() {
		folder = v.Path
	}
	sub, err := fs.Sub(v.fsys, folder)
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", folder, err)
	}
	if info.IsDir() {
		return Pack(unpackedIn(sub))
	}
	return PackFile(sub, path.Base(v.Path))
}

// Import is what Find found.
type Import struct {
	Versions []Version // by orb and path
	// Organizations are the slugs or ids of the organizations of namespaces, from
	// a manifest.
	Organizations map[string]string
	// Unknown are YAML files and folders in places where versions are, whose names
	// are no versions.
	Unknown []string
}

// Find looks for versions of orbs, packed and unpacked:
//
//	<namespace>/<orb>/<version>.yml    <namespace>/<orb>@<version>.yml
//	<namespace>/<orb>/<version>/       <namespace>/<orb>@<version>/
//
// or for those that the manifest names. A single folder around all of it is
// looked through.
func Find(fsys fs.FS) (Import, error) {
	for range 3 {
		found, err := findIn(fsys)
		if err != nil || len(found.Versions) > 0 {
			return found, err
		}
		entries, err := visible(fsys, ".")
		if err != nil {
			return found, err
		}
		if len(entries) != 1 || !entries[0].IsDir() {
			break
		}
		if fsys, err = fs.Sub(fsys, entries[0].Name()); err != nil {
			return found, err
		}
	}
	return Import{}, fmt.Errorf("there are no orbs in it: name them <namespace>/<orb>/<version>.yml, or as folders <namespace>/<orb>/<version>/ with an unpacked orb, or list them in %s", Manifest)
}

func findIn(fsys fs.FS) (Import, error) {
	text, err := readManifest(fsys)
	if err == nil {
		return fromManifest(fsys, text)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return Import{}, err
	}
	found := Import{}
	namespaces, err := visible(fsys, ".")
	if err != nil {
		return found, err
	}
	for _, namespace := range namespaces {
		if !namespace.IsDir() {
			continue
		}
		if err := found.namespace(fsys, namespace.Name()); err != nil {
			return found, err
		}
	}
	return found, nil
}

// namespace looks through the folder of a namespace.
func (i *Import) namespace(fsys fs.FS, namespace string) error {
	orbs, err := visible(fsys, namespace)
	if err != nil {
		return err
	}
	for _, e := range orbs {
		at := path.Join(namespace, e.Name())
		if name, version, ok := strings.Cut(e.Name(), "@"); ok {
			i.add(fsys, namespace+"/"+name, version, at, e.IsDir())
			continue
		}
		if !e.IsDir() {
			continue
		}
		versions, err := visible(fsys, at)
		if err != nil {
			return err
		}
		for _, v := range versions {
			i.add(fsys, at, v.Name(), path.Join(at, v.Name()), v.IsDir())
		}
		if len(i.Versions) > maxFound {
			return fmt.Errorf("there are more than %d versions", maxFound)
		}
	}
	return nil
}

// versionName is a version in the name of a file or a folder.
var versionName = regexp.MustCompile(`^(\d+\.\d+\.\d+|dev:.+)$`)

func (i *Import) add(fsys fs.FS, orb, version, at string, folder bool) {
	if !folder {
		if !isYAML(version) {
			return
		}
		version = strings.TrimSuffix(version, path.Ext(version))
	}
	if !versionName.MatchString(version) {
		i.Unknown = append(i.Unknown, at)
		return
	}
	i.Versions = append(i.Versions, Version{Orb: orb, Version: version, Path: at, fsys: fsys})
}

// visible lists what does not begin with a dot.
func visible(fsys fs.FS, folder string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(fsys, folder)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", folder, plain(err))
	}
	return slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return strings.HasPrefix(e.Name(), ".") }), nil
}

// manifest is the form of the file.
type manifest struct {
	Namespaces map[string]string `yaml:"namespaces"` // to organizations
	Orbs       []struct {
		Orb        string   `yaml:"orb"`
		Version    string   `yaml:"version"`
		Path       string   `yaml:"path"`
		Private    bool     `yaml:"private"`
		Categories []string `yaml:"categories"`
	} `yaml:"orbs"`
}

func readManifest(fsys fs.FS) ([]byte, error) {
	file, err := fsys.Open(Manifest)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", Manifest, plain(err))
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("it has more than %d bytes", maxFile)
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", Manifest, plain(err))
	}
	return text, nil
}

func fromManifest(fsys fs.FS, text []byte) (Import, error) {
	var m manifest
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&m); err != nil {
		return Import{}, fmt.Errorf("%s: %w", Manifest, err)
	}
	found := Import{Organizations: m.Namespaces}
	for n, o := range m.Orbs {
		at := path.Clean(o.Path)
		switch {
		case o.Orb == "" || !versionName.MatchString(o.Version):
			return Import{}, fmt.Errorf("%s: entry %d needs an orb and a version such as 1.2.3", Manifest, n+1)
		case o.Path == "" || !fs.ValidPath(at):
			return Import{}, fmt.Errorf("%s: the path %q of %s@%s is not one below the folder of the manifest", Manifest, o.Path, o.Orb, o.Version)
		}
		found.Versions = append(found.Versions, Version{
			Orb: o.Orb, Version: o.Version, Path: at, Private: o.Private, Categories: o.Categories, fsys: fsys,
		})
	}
	if len(found.Versions) == 0 {
		return Import{}, fmt.Errorf("%s lists no orbs", Manifest)
	}
	return found, nil
}
