// SPDX-License-Identifier: MPL-2.0

package gitbundle

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/storage/memory"

	"github.com/muster-ci/muster/core"
)

// repository makes a repository with two commits and an annotated tag.
func repository(t testing.TB) (folder string, git func(args ...string) string) {
	t.Helper()
	folder = t.TempDir()
	git = func(args ...string) string {
		t.Helper()
		cmd := exec.Command("git", args...)
		cmd.Dir = folder
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null",
			"GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.com", "GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=ada@example.com")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	git("init", "-q", "-b", "main")
	lines := strings.Repeat("a line that repeats and makes a delta worth its while\n", 500)
	for _, text := range []string{lines, lines + "one more\n"} {
		if err := os.WriteFile(filepath.Join(folder, "file.txt"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		git("add", ".")
		git("commit", "-q", "-m", "change "+text[len(text)-5:])
	}
	git("tag", "-a", "v1", "-m", "first")
	return folder, git
}

func bundle(t testing.TB, folder string, git func(...string) string, args ...string) []byte {
	t.Helper()
	create := []string{"bundle", "create", "-q"}
	if strings.HasPrefix(args[0], "--version") {
		create, args = append(create, args[0]), args[1:]
	}
	git(append(append(create, "x.bundle"), args...)...)
	data, err := os.ReadFile(filepath.Join(folder, "x.bundle"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestOpen(t *testing.T) {
	t.Parallel()
	folder, git := repository(t)
	for _, args := range [][]string{{"--all"}, {"--version=3", "HEAD", "main", "v1"}} {
		s := memory.NewStorage()
		b, err := Open(context.Background(), iotest.OneByteReader(bytes.NewReader(bundle(t, folder, git, args...))), s, Limits{})
		if err != nil {
			t.Fatalf("%v: %v", args, err)
		}
		head := git("rev-parse", "HEAD")
		if b.Refs["refs/heads/main"].String() != head || b.Refs["refs/tags/v1"].String() != git("rev-parse", "v1") {
			t.Errorf("got %v", b.Refs)
		}
		commit, err := object.GetCommit(s, plumbing.NewHash(head))
		if err != nil {
			t.Fatal(err)
		}
		file, err := commit.File("file.txt")
		if err != nil {
			t.Fatal(err)
		}
		text, _ := file.Contents()
		if !strings.HasSuffix(text, "one more\n") || commit.NumParents() != 1 {
			t.Errorf("got %d bytes", len(text))
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	folder, git := repository(t)
	whole := bundle(t, folder, git, "--all")
	partial := bundle(t, folder, git, "HEAD~1..HEAD")
	flipped := bytes.Clone(whole)
	flipped[len(flipped)-40] ^= 0xff
	for name, c := range map[string]struct {
		data   []byte
		limits Limits
		want   string
	}{
		"nothing":          {nil, Limits{}, "ends in its head"},
		"a text":           {[]byte("hello\nworld\n"), Limits{}, "not a git bundle"},
		"a long line":      {bytes.Repeat([]byte("x"), 1<<20), Limits{}, "not a git bundle"},
		"half of it":       {whole[:len(whole)/2], Limits{}, "damaged"},
		"only the head":    {whole[:bytes.Index(whole, []byte("PACK"))], Limits{}, "empty"},
		"a flipped byte":   {flipped, Limits{}, "damaged"},
		"missing history":  {partial, Limits{}, "leaves out history"},
		"sha256":           {[]byte("# v3 git bundle\n@object-format=sha256\n\n"), Limits{}, "sha1"},
		"a filter":         {[]byte("# v3 git bundle\n@filter=blob:none\n\n"), Limits{}, "--filter"},
		"a bad ref":        {[]byte("# v2 git bundle\nzzz main\n\n"), Limits{}, "not a reference"},
		"too many bytes":   {whole, Limits{Bytes: 100}, "limit"},
		"too many objects": {whole, Limits{Objects: 3}, "limit"},
		"a large object":   {whole, Limits{Object: 1000}, "too much"},
		"all together":     {whole, Limits{Unpacked: 30_000}, "too much"},
	} {
		s := memory.NewStorage()
		_, err := Open(context.Background(), bytes.NewReader(c.data), s, c.limits)
		if core.ErrorCode(err) != core.CodeInvalid || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

func TestOpenPassesOnFailures(t *testing.T) {
	t.Parallel()
	folder, git := repository(t)
	data := bundle(t, folder, git, "--all")
	broken := errors.New("the disk broke")
	_, err := Open(context.Background(), io.MultiReader(bytes.NewReader(data[:len(data)/2]), iotest.ErrReader(broken)), memory.NewStorage(), Limits{})
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Open(ctx, bytes.NewReader(data), memory.NewStorage(), Limits{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func FuzzOpen(f *testing.F) {
	folder, git := repository(f)
	f.Add(bundle(f, folder, git, "--all"))
	f.Add(bundle(f, folder, git, "HEAD~1..HEAD"))
	f.Add([]byte("# v2 git bundle\n\nPACK\x00\x00\x00\x02\x00\x00\x00\x01"))
	junk := make([]byte, 100)
	_, _ = rand.Read(junk)
	f.Add(append([]byte("# v2 git bundle\n\nPACK\x00\x00\x00\x02\x00\x00\x00\x01"), junk...))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _ = Open(context.Background(), bytes.NewReader(data), memory.NewStorage(), Limits{Bytes: 1 << 20, Object: 1 << 20, Unpacked: 4 << 20, Objects: 1000})
	})
}
