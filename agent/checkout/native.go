// SPDX-License-Identifier: MPL-2.0

package checkout

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5"
	gitconfig "github.com/go-git/go-git/v5/config"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/storer"
	"github.com/go-git/go-git/v5/plumbing/transport"
	"github.com/go-git/go-git/v5/plumbing/transport/client"
	"github.com/go-git/go-git/v5/plumbing/transport/server"
	"github.com/go-git/go-git/v5/storage/filesystem"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/gitbundle"
)

// native checks out with go-git, for images without git.
type native struct {
	Request
	bundle string
}

func (n *native) run(ctx context.Context, exists bool) error {
	repository, err := n.open(exists)
	if err != nil {
		return err
	}
	if n.bundle != "" {
		err = n.unbundle(ctx, repository)
	} else {
		err = n.fetch(ctx, repository)
	}
	if err != nil {
		return err
	}
	return n.checkout(repository)
}

func (n *native) open(exists bool) (*git.Repository, error) {
	var repository *git.Repository
	var err error
	if exists {
		fmt.Fprintf(n.Out, "The folder %s is a git repository already: fetching only\n", n.Path)
		repository, err = git.PlainOpen(n.Path)
	} else {
		fmt.Fprintln(n.Out, "Cloning git repository")
		repository, err = git.PlainInit(n.Path, false)
	}
	if err != nil {
		return nil, fmt.Errorf("opening the repository: %w", err)
	}
	if n.Source.RepositoryURL == "" {
		return repository, nil
	}
	if err := repository.DeleteRemote("origin"); err != nil && !errors.Is(err, git.ErrRemoteNotFound) {
		return nil, fmt.Errorf("setting the remote: %w", err)
	}
	_, err = repository.CreateRemote(&gitconfig.RemoteConfig{Name: "origin", URLs: []string{n.Source.RepositoryURL}})
	if err != nil {
		return nil, fmt.Errorf("setting the remote: %w", err)
	}
	return repository, nil
}

func (n *native) fetch(ctx context.Context, repository *git.Repository) error {
	fmt.Fprintf(n.Out, "Fetching %s\n", n.wanted())
	// The library serves paths of this machine by running git, which is what
	// this image does not have.
	client.InstallProtocol("file", server.NewClient(localLoader{}))
	options := &git.FetchOptions{
		RemoteName: "origin",
		RefSpecs:   []gitconfig.RefSpec{allHeads, allTags},
		Tags:       git.NoTags,
		Force:      true,
	}
	if n.Step.Method == core.CheckoutShallow && n.Source.Branch != "" && n.Source.Tag == "" {
		shallow := *options
		shallow.Depth = max(1, n.Step.Depth)
		shallow.RefSpecs = []gitconfig.RefSpec{gitconfig.RefSpec(fmt.Sprintf("+refs/heads/%[1]s:refs/remotes/origin/%[1]s", n.Source.Branch))}
		if err := repository.FetchContext(ctx, &shallow); err == nil && n.has(repository) {
			return nil
		}
	}
	err := repository.FetchContext(ctx, options)
	if err != nil && !errors.Is(err, git.NoErrAlreadyUpToDate) {
		return fmt.Errorf("fetching: %w", err)
	}
	if n.has(repository) {
		return nil
	}
	options.RefSpecs = []gitconfig.RefSpec{gitconfig.RefSpec(n.Source.Revision + ":refs/muster/revision")}
	if err := repository.FetchContext(ctx, options); err != nil {
		return fmt.Errorf("the revision %s is not in the repository: it may have been removed by a forced push", n.Source.Revision)
	}
	return nil
}

func (n *native) has(repository *git.Repository) bool {
	if n.Source.Revision == "" {
		return true
	}
	_, err := repository.CommitObject(plumbing.NewHash(n.Source.Revision))
	return err == nil
}

// unbundle takes over the bundle's objects and references.
func (n *native) unbundle(ctx context.Context, repository *git.Repository) error {
	fmt.Fprintln(n.Out, "Unpacking the source that came with the pipeline")
	file, err := os.Open(n.bundle)
	if err != nil {
		return fmt.Errorf("opening the bundle: %w", err)
	}
	defer file.Close()
	bundle, err := gitbundle.Open(ctx, file, repository.Storer, gitbundle.Limits{TempDir: n.TempDir})
	if err != nil {
		return fmt.Errorf("reading the bundle: %w", err)
	}
	for name, hash := range bundle.Refs {
		to := remoteName(name)
		if to == "" {
			continue
		}
		reference := plumbing.NewHashReference(plumbing.ReferenceName(to), hash)
		if err := repository.Storer.SetReference(reference); err != nil {
			return fmt.Errorf("storing a reference of the bundle: %w", err)
		}
	}
	return nil
}

func (n *native) checkout(repository *git.Repository) error {
	hash := plumbing.NewHash(n.Source.Revision)
	if n.Source.Revision == "" {
		found, err := repository.ResolveRevision(plumbing.Revision(tip(n.Source)))
		if err != nil {
			return fmt.Errorf("there is no %s in the repository", n.wanted())
		}
		hash = *found
	}
	if err := n.attachHead(repository, hash); err != nil {
		return err
	}
	worktree, err := repository.Worktree()
	if err != nil {
		return fmt.Errorf("opening the working tree: %w", err)
	}
	if err := worktree.Reset(&git.ResetOptions{Commit: hash, Mode: git.HardReset}); err != nil {
		return fmt.Errorf("checking out %s: %w", n.wanted(), err)
	}
	commit, err := repository.CommitObject(hash)
	if err != nil {
		return fmt.Errorf("reading the commit: %w", err)
	}
	subject, _, _ := strings.Cut(commit.Message, "\n")
	fmt.Fprintf(n.Out, "HEAD is now at %.7s %s\n", hash, subject)
	return nil
}

// attachHead puts HEAD on the branch that is built, or on the bare commit.
func (n *native) attachHead(repository *git.Repository, hash plumbing.Hash) error {
	head := plumbing.NewHashReference(plumbing.HEAD, hash)
	if n.Source.Branch != "" && n.Source.Tag == "" {
		branch := plumbing.NewBranchReferenceName(n.Source.Branch)
		if err := repository.Storer.SetReference(plumbing.NewHashReference(branch, hash)); err != nil {
			return fmt.Errorf("setting the branch: %w", err)
		}
		head = plumbing.NewSymbolicReference(plumbing.HEAD, branch)
	}
	if err := repository.Storer.SetReference(head); err != nil {
		return fmt.Errorf("setting HEAD: %w", err)
	}
	return nil
}

// localLoader opens repositories on this machine, bare or with a working tree.
type localLoader struct{}

// Load opens the repository at the endpoint's path.
func (localLoader) Load(ep *transport.Endpoint) (storer.Storer, error) {
	path := ep.Path
	if info, err := os.Stat(filepath.Join(path, ".git")); err == nil && info.IsDir() {
		path = filepath.Join(path, ".git")
	}
	if _, err := os.Stat(filepath.Join(path, "HEAD")); err != nil {
		return nil, transport.ErrRepositoryNotFound
	}
	return filesystem.NewStorage(osfs.New(path), cache.NewObjectLRUDefault()), nil
}
