// SPDX-License-Identifier: MPL-2.0

package orbpack

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/muster-ci/muster/internal/config/document"
)

// Bounds of one orb.
const (
	maxFiles  = 5000
	maxBytes  = 16 << 20 // read, and put in by includes
	maxFile   = 4 << 20
	maxLevels = 10
)

// Pack makes the source of the unpacked orb at the top of a file system.
func Pack(fsys fs.FS) (string, error) {
	p := &packer{fsys: fsys}
	top, err := p.top()
	if err != nil {
		return "", err
	}
	if len(top.keys) == 0 {
		return "", errors.New("there is no orb here: no .yml file but empty ones; an orb begins with @orb.yml")
	}
	return write(top)
}

// PackFile makes the source of an orb that is one file, with what it includes.
func PackFile(fsys fs.FS, name string) (string, error) {
	p := &packer{fsys: fsys}
	top := &mapping{}
	if err := p.mergeFile(top, name, ""); err != nil {
		return "", err
	}
	return write(top)
}

// packer reads one orb.
type packer struct {
	fsys  fs.FS
	files int
	bytes int
}

// mapping is a map in the order in which its keys came, with the file of each.
type mapping struct {
	keys  []string
	items []*document.Node
	from  []string
}

func (m *mapping) add(key string, item *document.Node, file string) error {
	i := slices.Index(m.keys, key)
	if i < 0 {
		m.keys, m.items, m.from = append(m.keys, key), append(m.items, item), append(m.from, file)
		return nil
	}
	return fmt.Errorf("%s and %s both define %q; keep one of them", m.from[i], file, key)
}

// merge adds a key, or what is below it where both are maps.
func (m *mapping) merge(key string, item *document.Node, file string) error {
	i := slices.Index(m.keys, key)
	if i < 0 || m.items[i].Kind != document.Map || item.Kind != document.Map {
		return m.add(key, item, file)
	}
	both := mapping{}
	for at, node := range []*document.Node{m.items[i], item} {
		for j, k := range node.Keys {
			if err := both.add(k.Text, node.Items[j], []string{m.from[i], file}[at]); err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
		}
	}
	m.items[i], m.from[i] = both.node(), m.from[i]+" and "+file
	return nil
}

func (m *mapping) node() *document.Node {
	n := &document.Node{Kind: document.Map, Items: m.items}
	for _, key := range m.keys {
		n.Keys = append(n.Keys, document.Key{Text: key})
	}
	return n
}

// top reads the files at the top, then the folders as sections.
func (p *packer) top() (*mapping, error) {
	entries, err := p.entries(".")
	if err != nil {
		return nil, err
	}
	top := &mapping{}
	for _, e := range entries {
		if !e.dir && isYAML(e.path) {
			if err := p.mergeFile(top, e.path, ""); err != nil {
				return nil, err
			}
		}
	}
	for _, e := range entries {
		if !e.dir {
			continue
		}
		section := &mapping{}
		if err := p.section(section, path.Base(e.path), e.path, 1); err != nil {
			return nil, err
		}
		if len(section.keys) == 0 {
			continue // scripts and the like
		}
		if err := top.merge(path.Base(e.path), section.node(), e.path+"/"); err != nil {
			return nil, err
		}
	}
	return top, nil
}

// section reads the files of a folder as the elements of a section.
func (p *packer) section(into *mapping, name, folder string, level int) error {
	if level > maxLevels {
		return fmt.Errorf("%s: folders are more than %d levels deep", folder, maxLevels)
	}
	entries, err := p.entries(folder)
	if err != nil {
		return err
	}
	for _, e := range entries {
		switch base := path.Base(e.path); {
		case e.dir:
			err = p.section(into, name, e.path, level+1)
		case !isYAML(base):
		case strings.HasPrefix(base, "@"):
			err = p.mergeFile(into, e.path, name)
		default:
			var node *document.Node
			if node, err = p.parse(e.path); err != nil {
				return err
			}
			if hasIncludes(name) {
				node, err = p.include(node, e.path)
			}
			if err == nil {
				err = into.add(strings.TrimSuffix(base, path.Ext(base)), node, e.path)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// mergeFile merges the keys of a file; section is the one that they are elements
// of, "" at the top.
func (p *packer) mergeFile(into *mapping, file, section string) error {
	node, err := p.parse(file)
	if err != nil || node.Kind == document.Null {
		return err
	}
	if node.Kind != document.Map {
		return fmt.Errorf("%s: it must be a map at its top, and is a %s", file, strings.ToLower(node.Kind.String()))
	}
	for i, key := range node.Keys {
		item := node.Items[i]
		if hasIncludes(section) || section == "" && hasIncludes(key.Text) {
			if item, err = p.include(item, file); err != nil {
				return err
			}
		}
		if err := into.merge(key.Text, item, file); err != nil {
			return err
		}
	}
	return nil
}

func isYAML(name string) bool { return path.Ext(name) == ".yml" || path.Ext(name) == ".yaml" }

// entry is a file or a folder, behind links.
type entry struct {
	path string
	dir  bool
}

// entries lists a folder by name, without what begins with a dot. A link to a
// file counts as the file; one to a folder is refused, since it may lead back up.
func (p *packer) entries(folder string) ([]entry, error) {
	listed, err := fs.ReadDir(p.fsys, folder)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", folder, plain(err))
	}
	var entries []entry
	for _, e := range listed {
		name := path.Join(folder, e.Name())
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		if p.files++; p.files > maxFiles {
			return nil, fmt.Errorf("there are more than %d files", maxFiles)
		}
		if e.Type()&fs.ModeSymlink != 0 {
			info, err := fs.Stat(p.fsys, name)
			if err != nil {
				return nil, fmt.Errorf("following the link %s: %w", name, plain(err))
			}
			if info.IsDir() {
				return nil, fmt.Errorf("%s is a link to a folder; put the folder itself there", name)
			}
		}
		entries = append(entries, entry{name, e.IsDir()})
	}
	return entries, nil
}

// parse reads a YAML file.
func (p *packer) parse(name string) (*document.Node, error) {
	text, err := p.read(name)
	if err != nil {
		return nil, err
	}
	node, err := document.Parse(text, document.LimitsFor(maxFile))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", placeOf(name, err), err)
	}
	return node, nil
}

func placeOf(name string, err error) string {
	var e *document.Error
	if errors.As(err, &e) && e.Line > 0 {
		return fmt.Sprintf("%s:%d:%d", name, e.Line, e.Column)
	}
	return name
}

// read reads a file within what is left of the budget.
func (p *packer) read(name string) (string, error) {
	file, err := p.fsys.Open(name)
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", name, plain(err))
	}
	defer file.Close()
	if info, err := file.Stat(); err == nil && !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is not a file", name)
	}
	data, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", name, plain(err))
	}
	if len(data) > maxFile {
		return "", fmt.Errorf("%s has more than %d bytes", name, maxFile)
	}
	if p.bytes += len(data); p.bytes > maxBytes {
		return "", fmt.Errorf("the orb's files have more than %d bytes together, includes counted as often as used", maxBytes)
	}
	return string(data), nil
}

// plain drops the repetition of operation and path.
func plain(err error) error {
	var wrapped *fs.PathError
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}
