// SPDX-License-Identifier: MPL-2.0

//go:build e2e

package e2e_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-ci/muster/e2e/cluster"
	"github.com/muster-ci/muster/e2e/scenario"
)

// repository makes a git repository of an example and returns its folder.
func repository(t *testing.T, example string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), example)
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("..", "examples", example))); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"init", "-q", "-b", "main"}, {"add", "."},
		{"-c", "user.name=Example", "-c", "user.email=example@example.com", "commit", "-qm", "An example"},
	} {
		cmd := exec.Command("git", args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	return dir
}

// musterRun runs `muster run` in a folder and returns what it printed.
func musterRun(t *testing.T, dir, host, token string) string {
	t.Helper()
	bin, err := binaries()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "muster"), "run")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "MUSTER_HOST="+host, "MUSTER_TOKEN="+token)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("muster run: %v\n%s", err, out)
	}
	return string(out)
}

// testExample runs the examples with `muster run`, on the cluster and embedded:
// a person sees the same output.
func testExample(t *testing.T, c *cluster.Cluster, _ *scenario.Platform) {
	token, err := c.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("DOCKER_HOST", c.DockerHost())
	e := newEmbedded(t)
	local, err := os.ReadFile(filepath.Join(e.dir, "data", "token"))
	if err != nil {
		t.Fatal(err)
	}
	wants := map[string][]string{
		"hello":      {"ok   1 Hello, world!", "ok   2 Hello, Nomad!", "Hello, hello!", "success"},
		"containers": {"hello from the service", "success"},
	}
	for example, texts := range wants {
		for where, out := range map[string]string{
			"cluster":  musterRun(t, repository(t, example), cluster.PublicAddress, token),
			"embedded": musterRun(t, repository(t, example), e.public, strings.TrimSpace(string(local))),
		} {
			for _, want := range texts {
				if !strings.Contains(out, want) {
					t.Errorf("%s on %s: %q is missing in\n%s", example, where, want, out)
				}
			}
		}
	}
}
