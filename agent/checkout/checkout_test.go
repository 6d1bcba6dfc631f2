// SPDX-License-Identifier: MPL-2.0

package checkout_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-ci/muster/agent/checkout"
	"github.com/muster-ci/muster/agent/process"
	"github.com/muster-ci/muster/core"
)

// origin is a repository with a branch, a tag and some history.
type origin struct {
	t    *testing.T
	path string
	// first is the first commit, last the tip of main, and pull one that is on
	// no branch.
	first, last, pull string
}

func newOrigin(t *testing.T) *origin {
	t.Helper()
	o := &origin{t: t, path: filepath.Join(t.TempDir(), "origin")}
	if err := os.MkdirAll(o.path, 0o755); err != nil {
		t.Fatal(err)
	}
	o.git("init", "--quiet", "--initial-branch=main")
	o.git("config", "uploadpack.allowFilter", "true")
	o.git("config", "uploadpack.allowAnySHA1InWant", "true")
	o.first = o.commit("one")
	o.git("tag", "v1")
	o.commit("two")
	o.git("checkout", "--quiet", "-b", "topic")
	o.pull = o.commit("pull request")
	o.git("update-ref", "refs/pull/7/head", o.pull)
	o.git("checkout", "--quiet", "main")
	o.git("branch", "-D", "topic")
	o.last = o.commit("three")
	return o
}

func (o *origin) commit(text string) string {
	o.t.Helper()
	if err := os.WriteFile(filepath.Join(o.path, "file"), []byte(text+"\n"), 0o644); err != nil {
		o.t.Fatal(err)
	}
	o.git("add", "file")
	o.git("commit", "--quiet", "-m", text)
	return o.git("rev-parse", "HEAD")
}

func (o *origin) git(args ...string) string { return gitIn(o.t, o.path, args...) }

func gitIn(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a",
		"GIT_COMMITTER_EMAIL=a@example.com", "GIT_CONFIG_NOSYSTEM=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// request is a checkout of a source into an empty folder. Without git its PATH
// leads nowhere.
func request(t *testing.T, source core.Source, withGit bool) (checkout.Request, *bytes.Buffer) {
	t.Helper()
	env := []string{"PATH=" + t.TempDir(), "HOME=" + t.TempDir()}
	if withGit {
		env[0] = "PATH=" + os.Getenv("PATH")
	}
	out := &bytes.Buffer{}
	return checkout.Request{
		Source: source, Path: filepath.Join(t.TempDir(), "project"), Env: env, Out: out,
		TempDir: t.TempDir(), Processes: process.NewTable(), Grace: time.Second,
	}, out
}

// check looks at what has been checked out.
func check(t *testing.T, r checkout.Request, content, revision, branch string) {
	t.Helper()
	got, err := os.ReadFile(filepath.Join(r.Path, "file"))
	if err != nil || string(got) != content+"\n" {
		t.Errorf("got file %q, %v; want %q", got, err, content)
	}
	if got := gitIn(t, r.Path, "rev-parse", "HEAD"); got != revision {
		t.Errorf("got HEAD %s, want %s", got, revision)
	}
	if got := gitIn(t, r.Path, "rev-parse", "--abbrev-ref", "HEAD"); got != branch {
		t.Errorf("got branch %s, want %s", got, branch)
	}
	if got := gitIn(t, r.Path, "status", "--porcelain"); got != "" {
		t.Errorf("the working tree is not clean: %s", got)
	}
}

// TestCheckout brings the same sources with git and without.
func TestCheckout(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	url := "file://" + o.path
	for name, c := range map[string]struct {
		source          core.Source
		content, branch string
		revision        string
	}{
		"branch":          {core.Source{RepositoryURL: url, Branch: "main", Revision: o.last}, "three", "main", o.last},
		"older revision":  {core.Source{RepositoryURL: url, Branch: "main", Revision: o.first}, "one", "main", o.first},
		"tag":             {core.Source{RepositoryURL: url, Tag: "v1", Revision: o.first}, "one", "HEAD", o.first},
		"path":            {core.Source{RepositoryURL: o.path, Branch: "main", Revision: o.last}, "three", "main", o.last},
		"tip of a branch": {core.Source{RepositoryURL: url, Branch: "main"}, "three", "main", o.last},
		"pull request":    {core.Source{RepositoryURL: url, Branch: "pull/7", Revision: o.pull}, "pull request", "pull/7", o.pull},
	} {
		for _, withGit := range []bool{true, false} {
			if !withGit && name == "pull request" {
				continue // go-git's own server, which serves paths, gives no bare revisions
			}
			t.Run(name+map[bool]string{true: " with git", false: " without git"}[withGit], func(t *testing.T) {
				t.Parallel()
				r, out := request(t, c.source, withGit)
				if err := checkout.Run(t.Context(), r); err != nil {
					t.Fatalf("%v\n%s", err, out)
				}
				check(t, r, c.content, c.revision, c.branch)
				if subject := "HEAD is now at " + c.revision[:7] + " " + c.content; !strings.Contains(out.String(), subject) {
					t.Errorf("no %q in %s", subject, out)
				}
			})
		}
	}
}

func TestMethods(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	source := core.Source{RepositoryURL: "file://" + o.path, Branch: "main", Revision: o.last}
	for name, c := range map[string]struct {
		step    core.CheckoutStep
		commits string
	}{
		"full":       {core.CheckoutStep{Method: core.CheckoutFull}, "3"},
		"blobless":   {core.CheckoutStep{Method: core.CheckoutBlobless}, "3"},
		"shallow":    {core.CheckoutStep{Method: core.CheckoutShallow}, "1"},
		"shallow, 2": {core.CheckoutStep{Method: core.CheckoutShallow, Depth: 2}, "2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, out := request(t, source, true)
			r.Step = c.step
			if err := checkout.Run(t.Context(), r); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			check(t, r, "three", o.last, "main")
			if got := gitIn(t, r.Path, "rev-list", "--count", "HEAD"); got != c.commits {
				t.Errorf("got %s commits, want %s", got, c.commits)
			}
		})
	}
}

func TestAnExistingRepositoryIsFetchedInto(t *testing.T) {
	t.Parallel()
	for _, withGit := range []bool{true, false} {
		o := newOrigin(t)
		r, out := request(t, core.Source{RepositoryURL: "file://" + o.path, Branch: "main", Revision: o.first}, withGit)
		if err := checkout.Run(t.Context(), r); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		r.Source.Revision = o.commit("four")
		if err := checkout.Run(t.Context(), r); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		check(t, r, "four", r.Source.Revision, "main")
		if !strings.Contains(out.String(), "fetching only") {
			t.Errorf("got %s", out)
		}
	}
}

func TestBundles(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	path := filepath.Join(t.TempDir(), "source.bundle")
	o.git("bundle", "create", "--quiet", path, "HEAD", "main", "v1")
	bundle, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, withGit := range []bool{true, false} {
		r, out := request(t, core.Source{Bundle: "key", Branch: "main", Revision: o.last}, withGit)
		r.Bundle = func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(bundle)), nil }
		if err := checkout.Run(t.Context(), r); err != nil {
			t.Fatalf("with git %v: %v\n%s", withGit, err, out)
		}
		check(t, r, "three", o.last, "main")
		if got := gitIn(t, r.Path, "rev-parse", "origin/main", "v1"); got != o.last+"\n"+o.first {
			t.Errorf("got references %s", got)
		}
	}
}

func TestWhatCannotBeCheckedOut(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	gone := strings.Repeat("1", 40)
	for _, withGit := range []bool{true, false} {
		r, _ := request(t, core.Source{RepositoryURL: "file://" + o.path, Branch: "main", Revision: gone}, withGit)
		if err := checkout.Run(t.Context(), r); err == nil || !strings.Contains(err.Error(), gone) {
			t.Errorf("a revision that is gone: got %v", err)
		}
		r, _ = request(t, core.Source{RepositoryURL: "file:///no/such/repository", Branch: "main", Revision: gone}, withGit)
		if err := checkout.Run(t.Context(), r); err == nil {
			t.Error("a repository that is not there: got no error")
		}
		r, _ = request(t, core.Source{RepositoryURL: "file://" + o.path, Branch: "main"}, withGit)
		if err := os.MkdirAll(r.Path, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(r.Path, "mine"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		want := "Directory (" + r.Path + ") you are trying to checkout to is not empty and not a git repository"
		if err := checkout.Run(t.Context(), r); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
		r, _ = request(t, core.Source{}, withGit)
		if err := checkout.Run(t.Context(), r); err == nil || !strings.Contains(err.Error(), "no source") {
			t.Errorf("no source: got %v", err)
		}
	}
}
