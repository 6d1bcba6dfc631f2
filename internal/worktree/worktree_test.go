// SPDX-License-Identifier: MPL-2.0

package worktree_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/muster-ci/muster/internal/worktree"
)

func TestSlugs(t *testing.T) {
	t.Parallel()
	for remote, want := range map[string]string{
		"https://github.com/acme/site.git":           "gh/acme/site",
		"https://user:secret@github.com/acme/site":   "gh/acme/site",
		"git@github.com:acme/site.git":               "gh/acme/site",
		"ssh://git@bitbucket.org:7999/acme/site.git": "bb/acme/site",
		"git@bitbucket.org:acme/site":                "bb/acme/site",
		"https://git.example.com/a/b/c/site/":        "gh/c/site",
		"git@host:acme/with space.git":               "gh/acme/with-space",
	} {
		w := &worktree.Worktree{Root: "/home/ada/folder", Remote: remote}
		if got := w.Slug(); got != want {
			t.Errorf("%s: got %s, want %s", remote, got, want)
		}
	}
	for _, remote := range []string{"", "/srv/git/site.git", "file:///srv/site.git", "../site", "git@host:site.git"} {
		w := &worktree.Worktree{Root: "/home/ada/my folder", Remote: remote}
		if got := w.Slug(); !strings.HasPrefix(got, "gh/") || !strings.HasSuffix(got, "/my-folder") {
			t.Errorf("%s: got %s, want one made of the user and the folder", remote, got)
		}
	}
}

func TestWebURL(t *testing.T) {
	t.Parallel()
	for remote, want := range map[string]string{
		"https://user:secret@example.com/a/b.git": "https://example.com/a/b.git",
		"git@example.com:a/b.git":                 "git@example.com:a/b.git",
		"/srv/git/b.git":                          "",
		"":                                        "",
	} {
		if got := (&worktree.Worktree{Remote: remote}).WebURL(); got != want {
			t.Errorf("%s: got %q, want %q", remote, got, want)
		}
	}
}

// git runs git in a folder, apart from the settings of whoever runs the tests.
func git(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@b", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@b")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %v: %v: %s", args, err, out)
	}
}

func TestWorktree(t *testing.T) {
	t.Parallel()
	ctx, dir := t.Context(), t.TempDir()
	if _, err := worktree.Open(ctx, dir); !errors.Is(err, worktree.ErrNone) {
		t.Fatalf("no repository: got %v, want ErrNone", err)
	}
	git(t, dir, "init", "-q", "-b", "trunk")
	if err := os.MkdirAll(filepath.Join(dir, "below"), 0o700); err != nil {
		t.Fatal(err)
	}
	w, err := worktree.Open(ctx, filepath.Join(dir, "below"))
	if err != nil || w.Branch != "trunk" || w.Remote != "" {
		t.Fatalf("got %+v, %v", w, err)
	}
	if _, err := w.Resolve(ctx, "HEAD"); err == nil {
		t.Error("a repository without commits has a HEAD")
	}
	if err := os.WriteFile(filepath.Join(dir, "file"), []byte("one"), 0o600); err != nil {
		t.Fatal(err)
	}
	git(t, dir, "add", ".")
	git(t, dir, "commit", "-q", "-m", "one")
	revision, err := w.Resolve(ctx, "refs/heads/trunk")
	if err != nil || len(revision) != 40 {
		t.Fatalf("resolving: got %q, %v", revision, err)
	}
	if w.Dirty(ctx) || w.Pushed(ctx, revision) {
		t.Error("a fresh commit is dirty, or pushed")
	}
	if _, err := w.Resolve(ctx, "--all"); err == nil {
		t.Error("an option was taken for a revision")
	}
	var bundle bytes.Buffer
	if err := w.Bundle(ctx, "refs/heads/trunk", &bundle); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "bundle")
	if err := os.WriteFile(file, bundle.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	clone := filepath.Join(t.TempDir(), "clone")
	git(t, ".", "clone", "-q", "-b", "trunk", file, clone)
	if text, err := os.ReadFile(filepath.Join(clone, "file")); err != nil || string(text) != "one" {
		t.Errorf("the clone has %q, %v", text, err)
	}
	git(t, clone, "checkout", "-q", "--detach")
	c, err := worktree.Open(ctx, clone)
	if err != nil || c.Branch != "" || !c.Pushed(ctx, revision) {
		t.Errorf("a detached clone: got %+v, %v, want no branch and a pushed commit", c, err)
	}
	if err := os.WriteFile(filepath.Join(clone, "file"), []byte("two"), 0o600); err != nil {
		t.Fatal(err)
	}
	if !c.Dirty(ctx) {
		t.Error("a change is not dirty")
	}
}
