// SPDX-License-Identifier: MPL-2.0

package worktree

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// ErrNone says that a folder is in no git repository.
var ErrNone = errors.New("this folder is in no git repository")

// Worktree is a git repository with something checked out.
type Worktree struct {
	Root   string // the top folder
	Remote string // address of the remote, "" when there is none
	Branch string // what is checked out, "" for a detached HEAD
}

// Open finds the repository that dir is in; ErrNone when there is none.
func Open(ctx context.Context, dir string) (*Worktree, error) {
	if _, err := exec.LookPath("git"); err != nil {
		return nil, errors.New("git is not on the PATH; it is needed to read the repository")
	}
	root, err := git(ctx, dir, "rev-parse", "--show-toplevel")
	if err != nil {
		return nil, ErrNone
	}
	w := &Worktree{Root: root}
	// Both may be missing, and that is what "" says.
	w.Branch, _ = git(ctx, root, "symbolic-ref", "--quiet", "--short", "HEAD")
	w.Remote, _ = git(ctx, root, "remote", "get-url", w.remoteName(ctx))
	return w, nil
}

// remoteName is the remote of the branch, or else the usual one.
func (w *Worktree) remoteName(ctx context.Context) string {
	if w.Branch != "" {
		if name, err := git(ctx, w.Root, "config", "--get", "branch."+w.Branch+".remote"); err == nil && name != "." {
			return name
		}
	}
	return "origin"
}

// Resolve returns the commit that a branch, a tag or a revision names.
func (w *Worktree) Resolve(ctx context.Context, name string) (string, error) {
	revision, err := git(ctx, w.Root, "rev-parse", "--verify", "--quiet", "--end-of-options", name+"^{commit}")
	if err != nil {
		return "", fmt.Errorf("the repository has no %s", name)
	}
	return revision, nil
}

// Dirty tells whether there are changes that are in no commit.
func (w *Worktree) Dirty(ctx context.Context) bool {
	text, err := git(ctx, w.Root, "status", "--porcelain", "--untracked-files=no")
	return err == nil && text != ""
}

// Pushed tells whether some remote is known to have the commit.
func (w *Worktree) Pushed(ctx context.Context, revision string) bool {
	text, err := git(ctx, w.Root, "for-each-ref", "--count=1", "--contains", revision, "--format=%(refname)", "refs/remotes")
	return err == nil && text != ""
}

// Complete returns an error when the history is not all here, so that it cannot
// be sent.
func (w *Worktree) Complete(ctx context.Context) error {
	if shallow, err := git(ctx, w.Root, "rev-parse", "--is-shallow-repository"); err == nil && shallow == "true" {
		return errors.New("this is a shallow clone, whose history cannot be sent; run `git fetch --unshallow`, or let the server clone with --remote")
	}
	return nil
}

// Bundle writes the whole history of a ref ("HEAD", "refs/heads/x",
// "refs/tags/y") as a git bundle, HEAD with it.
func (w *Worktree) Bundle(ctx context.Context, ref string, out io.Writer) error {
	if err := w.Complete(ctx); err != nil {
		return err
	}
	args := []string{"bundle", "create", "--quiet", "-", ref}
	if ref != "HEAD" {
		args = append(args, "HEAD")
	}
	cmd := command(ctx, w.Root, args...)
	var complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = out, &complaint
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("bundling %s: %w: %s", ref, err, strings.TrimSpace(complaint.String()))
	}
	return nil
}

// Config returns the path of the config in the repository.
func (w *Worktree) Config() string { return filepath.Join(w.Root, ".circleci", "config.yml") }

func git(ctx context.Context, dir string, args ...string) (string, error) {
	out, err := command(ctx, dir, args...).Output()
	return strings.TrimSpace(string(out)), err
}

// command keeps git from asking questions, and from taking texts in other
// languages than ours.
func command(ctx context.Context, dir string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_TERMINAL_PROMPT=0", "LC_ALL=C", "GIT_OPTIONAL_LOCKS=0")
	return cmd
}
