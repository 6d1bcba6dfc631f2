// SPDX-License-Identifier: MPL-2.0

package e2e_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/muster-ci/muster/e2e/scenario"
	"github.com/muster-ci/muster/internal/client"
)

// binaries builds muster and muster-agent once a test run, as a release is
// built.
var binaries = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "muster-e2e-bin-")
	if err != nil {
		return "", err
	}
	after = append(after, func() { os.RemoveAll(dir) })
	cmd := exec.Command("go", "build", "-trimpath", "-o", dir+"/", "../cmd/muster", "../cmd/muster-agent")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building: %w\n%s", err, out)
	}
	return dir, nil
})

// after is run when all tests are over.
var after []func()

func TestMain(m *testing.M) {
	code := m.Run()
	for _, f := range after {
		f()
	}
	os.Exit(code)
}

// embedded is a `muster dev` of a test's own, which can be killed and started
// again on the same data and ports.
type embedded struct {
	t       testing.TB
	bin     string
	dir     string
	flags   []string
	public  string
	cmd     *exec.Cmd
	ended   chan struct{}
	Client  *client.Client
	started int
}

func newEmbedded(t testing.TB, flags ...string) *embedded {
	t.Helper()
	return newEmbeddedWith(t, freePort(t), "", flags...)
}

// newEmbeddedWith has output listen at an address, and more settings.
func newEmbeddedWith(t testing.TB, output, more string, flags ...string) *embedded {
	t.Helper()
	bin, err := binaries()
	if err != nil {
		t.Fatal(err)
	}
	e := &embedded{t: t, bin: bin, dir: t.TempDir(), flags: flags}
	public := freePort(t)
	e.public = "http://" + public
	if slices.Contains(flags, "--tls") {
		e.public = "https://" + public
	}
	settings := fmt.Sprintf("listen {\n  public = %q\n  output = %q\n}\ngateway {\n  url = %q\n}\nplacements {\n  remote_docker = \"muster-engine:local\"\n}\n", public, output, e.public)
	if err := os.WriteFile(filepath.Join(e.dir, "muster.hcl"), []byte(settings+more), 0o600); err != nil {
		t.Fatal(err)
	}
	e.start()
	t.Cleanup(func() { e.stop(syscall.SIGTERM) })
	token, err := os.ReadFile(filepath.Join(e.dir, "data", "token"))
	if err != nil {
		t.Fatal(err)
	}
	if e.Client, err = client.New(e.public, strings.TrimSpace(string(token)), e.transport()); err != nil {
		t.Fatal(err)
	}
	return e
}

// transport trusts the certificate that --tls made; nil without it.
func (e *embedded) transport() http.RoundTripper {
	if !slices.Contains(e.flags, "--tls") {
		return nil
	}
	authority, err := os.ReadFile(filepath.Join(e.dir, "data", "tls", "ca.pem"))
	if err != nil {
		e.t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(authority)
	return &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}
}

// freePort returns a loopback address that nobody listens on.
func freePort(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// start runs `muster dev` and returns when it says that it is ready.
func (e *embedded) start() {
	e.t.Helper()
	log, err := os.OpenFile(filepath.Join(e.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		e.t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(filepath.Join(e.bin, "muster"), "dev", "--data", filepath.Join(e.dir, "data"), "--config", filepath.Join(e.dir, "muster.hcl"), "--log-level", "info")
	cmd.Args = append(cmd.Args, e.flags...)
	cmd.Stderr = log
	out, err := cmd.StdoutPipe()
	if err != nil {
		e.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		e.t.Fatal(err)
	}
	e.cmd, e.ended = cmd, make(chan struct{})
	e.started++
	ready := make(chan bool, 1)
	go func() {
		defer close(e.ended)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if strings.Contains(lines.Text(), "Muster is ready") {
				ready <- true
			}
		}
		_ = cmd.Wait()
	}()
	select {
	case <-ready:
	case <-e.ended:
		e.t.Fatalf("muster dev ended at once:\n%s", e.log())
	case <-time.After(60 * time.Second):
		e.t.Fatalf("muster dev is not ready after a minute:\n%s", e.log())
	}
}

func (e *embedded) log() string {
	text, err := os.ReadFile(filepath.Join(e.dir, "log"))
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-8192):])
}

// stop signals the process and waits until it has gone.
func (e *embedded) stop(sig syscall.Signal) {
	e.t.Helper()
	_ = e.cmd.Process.Signal(sig)
	select {
	case <-e.ended:
	case <-time.After(90 * time.Second):
		_ = e.cmd.Process.Kill()
		e.t.Errorf("muster dev did not end after %s:\n%s", sig, e.log())
	}
}

// platform is the view that scenarios have.
func (e *embedded) platform() *scenario.Platform {
	return &scenario.Platform{Client: e.Client, Docker: dockerAnswers(), Patience: 2 * time.Minute}
}

// dockerAnswers tells whether builds could use a Docker engine here.
func dockerAnswers() bool {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return exec.CommandContext(ctx, "docker", "image", "inspect", "muster-busybox:local").Run() == nil
}

// guard closes the machine's metadata to builds, as the operator of a machine
// that runs them in containers does; others are left as they are. Without root
// there is no dockerd of the machine's own to guard, and the probe tells what it
// finds.
func guard(t *testing.T) {
	t.Helper()
	if !dockerAnswers() {
		return
	}
	if os.Getuid() != 0 {
		t.Log("not root: builds are not kept from the machine's metadata")
		return
	}
	bin, err := binaries()
	if err != nil {
		t.Fatal(err)
	}
	script := func(args string) ([]byte, error) {
		return exec.Command("sh", "-c", bin+"/muster client firewall "+args+" | sh").CombinedOutput()
	}
	if out, err := script(""); err != nil {
		t.Fatalf("guarding builds: %v\n%s", err, out)
	}
	// Read now: the binaries are gone when the time has come.
	remove, err := exec.Command(bin+"/muster", "client", "firewall", "--remove").Output()
	if err != nil {
		t.Fatalf("asking how to take the guard away: %v", err)
	}
	after = append(after, func() { _ = exec.Command("sh", "-c", string(remove)).Run() })
}

// TestEmbeddedScenarios runs every scenario on embedded parts.
func TestEmbeddedScenarios(t *testing.T) {
	t.Parallel()
	scenarios, err := scenario.Load("scenarios")
	if err != nil {
		t.Fatal(err)
	}
	guard(t)
	p := newEmbedded(t).platform()
	t.Run("all", func(t *testing.T) {
		for _, s := range scenarios {
			p.Run(t, s)
		}
	})
	// No service was brought to give up, and each of them could be asked.
	stuck, err := p.Client.Stuck(t.Context(), "")
	if err != nil || len(stuck.Items) > 0 || len(stuck.Away) > 0 {
		t.Errorf("work that was set aside: got %+v, %v, want none", stuck, err)
	}
}
