// SPDX-License-Identifier: MPL-2.0

package source

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/gitbundle"
)

// repository is a real one, made with git.
type repository struct {
	t      testing.TB
	folder string
}

func newRepository(t testing.TB) *repository {
	t.Helper()
	r := &repository{t: t, folder: filepath.Join(t.TempDir(), "site.git")}
	if err := os.MkdirAll(filepath.Join(r.folder, ".circleci"), 0o755); err != nil {
		t.Fatal(err)
	}
	r.git("init", "-q", "-b", "main")
	r.write(".circleci/config.yml", "version: 2 # first\n")
	r.git("add", ".")
	r.git("commit", "-q", "-m", "First change\n\nBody of it\nin two lines\n")
	r.git("tag", "-a", "v1", "-m", "release")
	r.write(".circleci/config.yml", "version: 2 # second\n")
	r.git("commit", "-q", "-a", "-m", "Second")
	r.git("checkout", "-q", "-b", "feature/x")
	r.git("rm", "-q", "-r", ".circleci")
	r.write("circle.yaml", "x")
	r.write("big.yml", strings.Repeat("#", 3000))
	if err := os.Symlink("/etc/passwd", filepath.Join(r.folder, "link.yml")); err != nil {
		t.Fatal(err)
	}
	r.git("add", ".")
	r.git("commit", "-q", "-m", "Without")
	r.git("checkout", "-q", "main")
	return r
}

func (r *repository) git(args ...string) string {
	r.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = r.folder
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null",
		"GIT_AUTHOR_NAME=Ada Lovelace", "GIT_AUTHOR_EMAIL=ada@example.com", "GIT_COMMITTER_NAME=Bot", "GIT_COMMITTER_EMAIL=bot@example.com")
	out, err := cmd.CombinedOutput()
	if err != nil {
		r.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func (r *repository) write(name, text string) {
	r.t.Helper()
	if err := os.WriteFile(filepath.Join(r.folder, name), []byte(text), 0o644); err != nil {
		r.t.Fatal(err)
	}
}

// serve publishes the repository with git's own HTTP server.
func (r *repository) serve() string {
	r.t.Helper()
	path := r.git("--exec-path")
	server := httptest.NewServer(&cgi.Handler{
		Path: filepath.Join(path, "git-http-backend"),
		Env:  []string{"GIT_PROJECT_ROOT=" + filepath.Dir(r.folder), "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*"},
	})
	r.t.Cleanup(server.Close)
	return server.URL + "/site.git"
}

// roads are the ways to one repository.
func (r *repository) roads() map[string]func(core.Source) (core.Source, Options) {
	address := r.serve()
	r.git("bundle", "create", "-q", "../all.bundle", "--all")
	return map[string]func(core.Source) (core.Source, Options){
		"http": func(s core.Source) (core.Source, Options) {
			s.RepositoryURL = address
			return s, Options{}
		},
		"path": func(s core.Source) (core.Source, Options) {
			s.RepositoryURL = r.folder
			return s, Options{AllowLocal: true}
		},
		"file": func(s core.Source) (core.Source, Options) {
			s.RepositoryURL = "file://" + r.folder
			return s, Options{AllowLocal: true}
		},
		"bundle": func(s core.Source) (core.Source, Options) {
			s.Bundle = "key"
			return s, Options{Bundles: func(context.Context, string) (io.ReadCloser, error) {
				return os.Open(filepath.Join(filepath.Dir(r.folder), "all.bundle"))
			}}
		},
	}
}

func TestFetch(t *testing.T) {
	t.Parallel()
	r := newRepository(t)
	first, second := r.git("rev-parse", "main~1"), r.git("rev-parse", "main")
	firstTexts := core.Source{Revision: first, Subject: "First change", Body: "Body of it\nin two lines", Author: "Ada Lovelace"}
	secondTexts := core.Source{Revision: second, Subject: "Second", Author: "Ada Lovelace"}
	cases := []struct {
		name         string
		asked, found core.Source
		config       string
	}{
		{"a branch", core.Source{Branch: "main"}, with(secondTexts, "main", ""), "version: 2 # second\n"},
		{"nothing", core.Source{}, with(secondTexts, "main", ""), "version: 2 # second\n"},
		{"an annotated tag", core.Source{Tag: "v1"}, with(firstTexts, "", "v1"), "version: 2 # first\n"},
		{"an old revision", core.Source{Branch: "main", Revision: first}, with(firstTexts, "main", ""), "version: 2 # first\n"},
		{"a revision alone", core.Source{Revision: second}, secondTexts, "version: 2 # second\n"},
	}
	for name, road := range r.roads() {
		for _, c := range cases {
			asked, options := road(c.asked)
			got, err := Fetch(context.Background(), core.FetchRequest{Source: asked}, options)
			if err != nil {
				t.Errorf("%s: %s: %v", name, c.name, err)
				continue
			}
			want := c.found
			want.RepositoryURL, want.Bundle = asked.RepositoryURL, asked.Bundle
			if diff := cmp.Diff(core.FetchResult{Source: want, Path: DefaultPath, Config: c.config}, got); diff != "" {
				t.Errorf("%s: %s: %s", name, c.name, diff)
			}
		}
	}
}

// A pipeline in HCL counts where there is no config.yml.
func TestTheOtherLanguage(t *testing.T) {
	t.Parallel()
	r := newRepository(t)
	r.git("checkout", "-q", "main")
	r.git("checkout", "-q", "-b", "both")
	if err := os.MkdirAll(filepath.Join(r.folder, ".muster"), 0o755); err != nil {
		t.Fatal(err)
	}
	r.write(OtherPath, "# HCL\n")
	r.git("add", ".")
	r.git("commit", "-q", "-m", "Both")
	r.git("checkout", "-q", "-b", "hcl")
	r.git("rm", "-q", "-r", ".circleci")
	r.git("commit", "-q", "-m", "One")
	for branch, want := range map[string]string{"main": DefaultPath, "both": DefaultPath, "hcl": OtherPath} {
		source := core.Source{Branch: branch, RepositoryURL: r.folder}
		got, err := Fetch(context.Background(), core.FetchRequest{Source: source}, Options{AllowLocal: true})
		if err != nil || len(got.Errors) > 0 || got.Path != want || got.Config == "" {
			t.Errorf("%s: got %q of %q, %v, %v", branch, got.Config, got.Path, got.Errors, err)
		}
	}
}

func with(s core.Source, branch, tag string) core.Source {
	s.Branch, s.Tag = branch, tag
	return s
}

func TestMistakesAreSentences(t *testing.T) {
	t.Parallel()
	r := newRepository(t)
	cases := []struct {
		asked      core.Source
		path, want string
	}{
		{core.Source{Branch: "mian"}, "", `no branch "mian"`},
		{core.Source{Tag: "v2"}, "", `no tag "v2"`},
		{core.Source{Branch: "feature/x"}, "", "has no file .circleci/config.yml"},
		{core.Source{Branch: "feature/x"}, "circle.yml", "has no file circle.yml"},
		{core.Source{Branch: "feature/x"}, "big.yml", "limit is 2000"},
		{core.Source{Branch: "feature/x"}, "link.yml", "not a file"},
		{core.Source{Branch: "main"}, ".circleci", "not a file"},
		{core.Source{Branch: "main"}, "../../etc/passwd", "not a path"},
		{core.Source{Branch: "main", Revision: strings.Repeat("ab", 20)}, "", "no commit abab"},
		{core.Source{Branch: "main", Revision: "HEAD"}, "", "not a commit"},
	}
	for name, road := range r.roads() {
		for _, c := range cases {
			asked, options := road(c.asked)
			options.MaxFile = 2000
			got, err := Fetch(context.Background(), core.FetchRequest{Source: asked, Path: c.path}, options)
			if err != nil || len(got.Errors) != 1 || !strings.Contains(got.Errors[0].Message, c.want) || got.Errors[0].Suggestion == "" {
				t.Errorf("%s: %+v %s: got %v, %v", name, c.asked, c.path, got.Errors, err)
			}
		}
	}
}

func TestRoadsThatLeadNowhere(t *testing.T) {
	t.Parallel()
	r := newRepository(t)
	address := r.serve()
	status := func(code int) string {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }))
		t.Cleanup(server.Close)
		return server.URL + "/a.git"
	}
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	ssh := "no SSH key"
	if os.Getenv("SSH_AUTH_SOCK") != "" {
		ssh = "unavailable"
	}
	for address, want := range map[string]string{
		"ssh://git@" + closed.Addr().String() + "/x": ssh,
		strings.Replace(address, "site", "other", 1): "Cannot find",
		status(401):                   "may not read",
		status(404):                   "Cannot find",
		status(418):                   "status 418",
		"ext::sh -c id":               "",
		"ftp://localhost/x":           "can reach",
		r.folder:                      "is a path",
		"file://" + r.folder:          "is a path",
		"":                            "no repository URL",
		"http://no-such-host.invalid": "",
		status(500):                   "unavailable",
		"http://" + closed.Addr().String() + "/x": "unavailable",
		"git://" + closed.Addr().String() + "/x":  "unavailable",
	} {
		got, err := Fetch(context.Background(), core.FetchRequest{Source: core.Source{RepositoryURL: address, Branch: "main"}}, Options{})
		switch {
		case want == "unavailable":
			if core.ErrorCode(err) != core.CodeUnavailable {
				t.Errorf("%s: got %v, %v", address, got.Errors, err)
			}
		case want == "" && core.ErrorCode(err) == core.CodeUnavailable:
			// Depends on the machine's resolver.
		case err != nil || len(got.Errors) != 1 || !strings.Contains(got.Errors[0].Message, want):
			t.Errorf("%s: got %v, %v", address, got.Errors, err)
		}
	}
}

func TestASilentServerIsLeft(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for _, scheme := range []string{"http", "git"} {
		_, err := Fetch(context.Background(), core.FetchRequest{Source: core.Source{RepositoryURL: scheme + "://" + silent.Addr().String() + "/x"}},
			Options{Timeout: 100 * time.Millisecond})
		if core.ErrorCode(err) != core.CodeUnavailable {
			t.Errorf("%s: got %v", scheme, err)
		}
	}
}

func TestLimitsAndCredentials(t *testing.T) {
	t.Parallel()
	r := newRepository(t)
	address := r.serve()
	got, err := Fetch(context.Background(), core.FetchRequest{Source: core.Source{RepositoryURL: address}}, Options{Pack: gitbundle.Limits{Bytes: 50}})
	if err != nil || len(got.Errors) != 1 || !strings.Contains(got.Errors[0].Message, "limit") {
		t.Errorf("got %v, %v", got, err)
	}
	secret := strings.Replace(address, "http://", "http://ada:hunter2@", 1)
	got, err = Fetch(context.Background(), core.FetchRequest{Source: core.Source{RepositoryURL: secret, Branch: "nope"}}, Options{})
	if err != nil || len(got.Errors) != 1 || strings.Contains(got.Errors[0].String(), "hunter2") {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestABundleOfHEADIsTheBranch(t *testing.T) {
	t.Parallel()
	r := newRepository(t)
	r.git("bundle", "create", "-q", "../head.bundle", "HEAD")
	options := Options{Bundles: func(context.Context, string) (io.ReadCloser, error) {
		return os.Open(filepath.Join(filepath.Dir(r.folder), "head.bundle"))
	}}
	got, err := Fetch(context.Background(), core.FetchRequest{Source: core.Source{Bundle: "k", Branch: "work"}}, options)
	if err != nil || len(got.Errors) > 0 || got.Source.Revision != r.git("rev-parse", "HEAD") {
		t.Errorf("got %+v, %v", got, err)
	}
	options.Bundles = func(context.Context, string) (io.ReadCloser, error) {
		return nil, core.Errorf(core.CodeNotFound, "no such object")
	}
	if got, err = Fetch(context.Background(), core.FetchRequest{Source: core.Source{Bundle: "k"}}, options); err != nil || len(got.Errors) != 1 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestAWorktreeIsARepository(t *testing.T) {
	t.Parallel()
	r := newRepository(t)
	folder := filepath.Join(t.TempDir(), "tree")
	r.git("worktree", "add", "-q", "-b", "side", folder, "main")
	got, err := Fetch(context.Background(), core.FetchRequest{Source: core.Source{RepositoryURL: folder}}, Options{AllowLocal: true})
	if err != nil || got.Config == "" || got.Source.Branch != "side" {
		t.Errorf("got %+v, %v", got, err)
	}
}
