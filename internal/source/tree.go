// SPDX-License-Identifier: MPL-2.0

package source

import (
	"errors"
	"fmt"
	"io"
	"sort"
	"strings"
	"unicode/utf8"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/storer"

	"github.com/muster-ci/muster/core"
)

// Bounds of the commit's texts, which go into rows and environment variables.
const (
	maxSubject = 1 << 10
	maxBody    = 16 << 10
	maxAuthor  = 256
)

// tree is one commit of an opened repository.
type tree struct {
	commit *object.Commit
	branch string // that it was found on, when the request named none
}

// refs are the names of a repository, wherever it was found.
type refs struct {
	hashes map[string]plumbing.Hash // full names
	head   string                   // full name of the branch that HEAD stands on
	where  string                   // for sentences: "the repository https://..."
}

// tip returns the commit or tag object that a source asks for, before its
// revision is looked at. A source that names nothing means HEAD.
func (r refs) tip(s core.Source) (plumbing.Hash, error) {
	switch {
	case s.Tag != "":
		return r.find("refs/tags/", s.Tag, "tag")
	case s.Branch != "":
		return r.find("refs/heads/", s.Branch, "branch")
	case r.head != "" && !r.hashes[r.head].IsZero():
		return r.hashes[r.head], nil
	case !r.hashes["HEAD"].IsZero():
		return r.hashes["HEAD"], nil
	default:
		return plumbing.ZeroHash, mistakef("name the branch or the tag to build", "HEAD of %s stands on no branch that is there", r.where)
	}
}

func (r refs) find(prefix, name, kind string) (plumbing.Hash, error) {
	if hash := r.hashes[prefix+name]; !hash.IsZero() {
		return hash, nil
	}
	var names []string
	for full := range r.hashes {
		if short, ok := strings.CutPrefix(full, prefix); ok {
			names = append(names, short)
		}
	}
	sort.Strings(names)
	way := "it has none"
	const most = 10
	if n := len(names); n > most {
		way = fmt.Sprintf("it has %s and %d more", strings.Join(names[:most], ", "), n-most)
	} else if n > 0 {
		way = "it has " + strings.Join(names, ", ")
	}
	return plumbing.ZeroHash, mistakef(way, "There is no %s %q in %s", kind, name, r.where)
}

// missingRevision is what is said of a commit that a repository does not have.
func (r refs) missingRevision(revision string) error {
	return mistakef("push the commit to a branch first", "There is no commit %s in %s", revision, r.where)
}

// branchOf names the branch of a source that asks for none.
func (r refs) branchOf(s core.Source) string {
	if s.Branch != "" || s.Tag != "" || s.Revision != "" {
		return s.Branch
	}
	short, _ := strings.CutPrefix(r.head, "refs/heads/")
	return short
}

// commitOf follows annotated tags to the commit.
func commitOf(s storer.EncodedObjectStorer, hash plumbing.Hash) (*object.Commit, error) {
	for range 10 {
		o, err := object.GetObject(s, hash)
		if err != nil {
			return nil, fmt.Errorf("reading object %s: %w", hash, err)
		}
		switch o := o.(type) {
		case *object.Commit:
			return o, nil
		case *object.Tag:
			hash = o.Target
		default:
			return nil, mistakef("tag a commit", "%s is a %s and not a commit", hash, o.Type())
		}
	}
	return nil, mistakef("tag the commit itself", "%s is a tag of a tag, more than ten deep", hash)
}

// describe returns the source with what the commit tells.
func (t *tree) describe(s core.Source) core.Source {
	s.Revision = t.commit.Hash.String()
	if t.branch != "" {
		s.Branch = t.branch
	}
	subject, body, _ := strings.Cut(strings.TrimLeft(t.commit.Message, "\n"), "\n")
	s.Subject = bound(strings.TrimSpace(subject), maxSubject)
	s.Body = bound(strings.TrimSpace(body), maxBody)
	s.Author = bound(t.commit.Author.Name, maxAuthor)
	return s
}

// bound cuts a text and makes it fit for a database: valid UTF-8, no zeros.
func bound(text string, most int) string {
	text = strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "")
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most]
}

// file reads one file of the commit's tree.
func (t *tree) file(name string, most int64) (string, error) {
	root, err := t.commit.Tree()
	if err != nil {
		return "", fmt.Errorf("reading the tree of commit %s: %w", t.commit.Hash, err)
	}
	entry, err := root.FindEntry(name)
	if errors.Is(err, object.ErrEntryNotFound) || errors.Is(err, object.ErrDirectoryNotFound) || errors.Is(err, object.ErrFileNotFound) {
		return "", t.noFile(root, name)
	}
	if err != nil {
		return "", fmt.Errorf("looking for %s: %w", name, err)
	}
	if entry.Mode != filemode.Regular && entry.Mode != filemode.Executable && entry.Mode != filemode.Deprecated {
		return "", mistakef("put the config itself there", "%s of commit %s is not a file (it is a folder, a symbolic link or a submodule)", name, t.commit.Hash)
	}
	file, err := root.TreeEntryFile(entry)
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", name, err)
	}
	if file.Size > most {
		return "", mistakef("move long scripts into files of the repository and run those", "%s is %d bytes long; the limit is %d", name, file.Size, most)
	}
	r, err := file.Reader()
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", name, err)
	}
	defer r.Close()
	text, err := io.ReadAll(io.LimitReader(r, most+1))
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", name, err)
	}
	return string(text), nil
}

func (t *tree) noFile(root *object.Tree, name string) error {
	way := "add it, commit and push; the smallest one is: version: 2.1, a job and a workflow that lists it"
	if strings.HasSuffix(name, ".yml") {
		other := strings.TrimSuffix(name, ".yml") + ".yaml"
		if _, err := root.FindEntry(other); err == nil {
			way = fmt.Sprintf("rename %s to %s", other, name)
		}
	}
	return mistakef(way, "Commit %s has no file %s", t.commit.Hash, name)
}

// has tells whether there is an entry of that name, of any kind.
func (t *tree) has(name string) bool {
	root, err := t.commit.Tree()
	if err != nil {
		return false
	}
	_, err = root.FindEntry(name)
	return err == nil
}
