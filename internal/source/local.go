// SPDX-License-Identifier: MPL-2.0

package source

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/storer"
	"github.com/go-git/go-git/v5/storage/filesystem"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/gitbundle"
)

// localPath tells whether a repository URL means this machine.
func localPath(address string) (string, bool) {
	if strings.HasPrefix(strings.ToLower(address), "file:") {
		u, err := url.Parse(address)
		if err != nil {
			return address, true
		}
		return u.Path, true
	}
	if filepath.IsAbs(address) || strings.HasPrefix(address, ".") || strings.HasPrefix(address, "~") {
		return address, true
	}
	return "", false
}

// openLocal reads a repository's own folder; nothing is copied.
func openLocal(folder string, s core.Source, options Options) (*tree, error) {
	if !options.AllowLocal {
		return nil, mistakef("use a URL that begins with https:// or ssh://; paths work only in embedded mode (muster dev)",
			"The repository %s is a path, which this installation does not read", s.RepositoryURL)
	}
	// The detected folder may be a worktree, whose objects are elsewhere.
	repository, err := git.PlainOpenWithOptions(folder, &git.PlainOpenOptions{EnableDotGitCommonDir: true})
	if errors.Is(err, git.ErrRepositoryNotExists) {
		return nil, mistakef("make one with git init, or correct the project's repository URL", "There is no git repository in %s", folder)
	}
	if err != nil {
		return nil, fmt.Errorf("opening the repository %s: %w", folder, err)
	}
	known, err := localRefs(repository)
	if err != nil {
		return nil, err
	}
	known.where = "the repository " + folder
	return choose(repository.Storer, known, s)
}

func localRefs(repository *git.Repository) (refs, error) {
	known := refs{hashes: map[string]plumbing.Hash{}}
	list, err := repository.References()
	if err != nil {
		return known, fmt.Errorf("reading the references: %w", err)
	}
	defer list.Close()
	err = list.ForEach(func(ref *plumbing.Reference) error {
		if ref.Type() == plumbing.HashReference {
			known.hashes[ref.Name().String()] = ref.Hash()
		}
		return nil
	})
	if err != nil {
		return known, fmt.Errorf("reading the references: %w", err)
	}
	if head, err := repository.Reference(plumbing.HEAD, false); err == nil && head.Type() == plumbing.SymbolicReference {
		known.head = head.Target().String()
	}
	return known, nil
}

// choose finds the commit among objects that are all there.
func choose(objects storer.EncodedObjectStorer, known refs, s core.Source) (*tree, error) {
	var hash plumbing.Hash
	if s.Revision != "" {
		hash = plumbing.NewHash(s.Revision)
		if objects.HasEncodedObject(hash) != nil {
			return nil, known.missingRevision(s.Revision)
		}
	} else {
		var err error
		if hash, err = known.tip(s); err != nil {
			return nil, err
		}
	}
	commit, err := commitOf(objects, hash)
	if err != nil {
		return nil, err
	}
	return &tree{commit: commit, branch: known.branchOf(s)}, nil
}

// openBundle unpacks an uploaded bundle.
func openBundle(ctx context.Context, s core.Source, objects *filesystem.Storage, options Options) (*tree, error) {
	if options.Bundles == nil {
		return nil, mistakef("give the project a repository URL", "This installation takes no uploaded repositories")
	}
	r, err := options.Bundles(ctx, s.Bundle)
	switch {
	case core.ErrorCode(err) == core.CodeNotFound:
		return nil, mistakef("trigger again; uploads are kept for a limited time", "The uploaded repository of this pipeline is not there any more")
	case err != nil:
		return nil, fmt.Errorf("opening the bundle %s: %w", s.Bundle, err)
	}
	defer r.Close()
	bundle, err := gitbundle.Open(ctx, r, objects, options.Pack)
	if err != nil {
		return nil, unavailable(err, "the uploaded repository could not be read")
	}
	known := refs{hashes: bundle.Refs, where: "the uploaded repository"}
	// A bundle tells HEAD's commit and not its branch.
	for name, hash := range bundle.Refs {
		if strings.HasPrefix(name, "refs/heads/") && hash == bundle.Refs["HEAD"] && (known.head == "" || name < known.head) {
			known.head = name
		}
	}
	return choose(objects, onlyRef(known, s), s)
}

// onlyRef lets a bundle of HEAD alone stand for the branch that is built: that
// is what `git bundle create file HEAD` makes.
func onlyRef(known refs, s core.Source) refs {
	if head := known.hashes["HEAD"]; len(known.hashes) == 1 && !head.IsZero() && s.Branch != "" {
		known.hashes["refs/heads/"+s.Branch] = head
	}
	return known
}

// unavailable gives an error without a code of its own the one that lets the
// caller ask again.
func unavailable(err error, message string) error {
	var coded *core.Error
	var m *mistake
	if errors.As(err, &coded) || errors.As(err, &m) {
		return err
	}
	return &core.Error{Code: core.CodeUnavailable, Message: message, Err: err}
}
