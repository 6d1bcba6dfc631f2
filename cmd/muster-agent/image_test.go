// SPDX-License-Identifier: MPL-2.0

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/muster-ci/muster/agent/agenttest"
	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/wire"
)

// TestAnImageWithNothingButBusybox runs the agent as it is released in a root
// folder that holds busybox: no bash, no git, no users, no terminals, no /proc.
func TestAnImageWithNothingButBusybox(t *testing.T) {
	t.Parallel()
	busybox, err := exec.LookPath("busybox")
	if err != nil || os.Getuid() != 0 {
		t.Skipf("this needs root and a static busybox: %v, uid %d", err, os.Getuid())
	}
	root := t.TempDir()
	for _, dir := range []string{"bin", "tmp", "proc", "dev"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := unix.Mknod(filepath.Join(root, "dev/null"), unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))); err != nil {
		t.Skipf("this machine lets us make no devices: %v", err)
	}
	copyFile(t, busybox, filepath.Join(root, "bin/busybox"))
	command(t, "chroot", root, "/bin/busybox", "--install", "/bin")
	build := exec.Command("go", "build", "-trimpath", "-o", filepath.Join(root, "muster-agent"), ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := os.WriteFile(filepath.Join(root, "identity"), []byte(agenttest.Identity), 0o600); err != nil {
		t.Fatal(err)
	}
	bundle, revision := newBundle(t)
	claimed := task(core.StepPlan{Kind: core.StepCheckout, Name: "Checkout code", Checkout: &core.CheckoutStep{}},
		sh("cat file; pwd; circleci version --short; circleci-agent step halt; false | true; echo not reached"))
	claimed.Spec.Pipeline.Source = core.Source{Bundle: "key", Branch: "main", Revision: revision}
	s := agenttest.New(t, claimed, wire.Limits{})
	s.SetBundle(bundle)
	agent := exec.Command("chroot", root, "/muster-agent")
	agent.Env = []string{wire.EnvOutputURL + "=" + s.URL, wire.EnvIdentityFile + "=/identity", "HOME=/root"}
	if out, err := agent.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if got, want := s.Output(first+1), "from the bundle\n/root/project\ndev\n\nExited with code exit status 1\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, want := range []string{"There is no git in the image", "HEAD is now at " + revision[:7] + " a commit"} {
		if got := s.Output(first); !strings.Contains(got, want) {
			t.Errorf("no %q in %q", want, got)
		}
	}
}

func newBundle(t *testing.T) (bundle []byte, revision string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), []byte("from the bundle\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	git := func(args ...string) string {
		return command(t, "git", append([]string{"-C", dir, "-c", "user.name=a", "-c", "user.email=a@example.com"}, args...)...)
	}
	git("init", "--quiet", "--initial-branch=main")
	git("add", "file")
	git("commit", "--quiet", "-m", "a commit")
	git("bundle", "create", "--quiet", "source.bundle", "HEAD", "main")
	bundle, err := os.ReadFile(filepath.Join(dir, "source.bundle"))
	if err != nil {
		t.Fatal(err)
	}
	return bundle, git("rev-parse", "HEAD")
}

func command(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, data, 0o755); err != nil {
		t.Fatal(err)
	}
}
