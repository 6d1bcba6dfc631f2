// SPDX-License-Identifier: MPL-2.0

package clustertest

import (
	"archive/tar"
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/moby/moby/client"

	"github.com/muster-ci/muster/internal/testx"
)

// Image has busybox and nothing else, PauseImage is the same and sleeps. Both
// are on every Engine.
const (
	Image      = "muster-test/busybox:1"
	PauseImage = "muster-test/pause:1"
)

// Engine starts a Docker engine for the test, on a socket and folder of its own
// and without touching the host's network, and returns its address. It runs
// where testx.OnlyWithTools lets it.
func Engine(t *testing.T) string {
	t.Helper()
	dockerd := testx.Tool(t, "dockerd")
	busybox := testx.Tool(t, "busybox")
	dir, err := os.MkdirTemp("", "dockerd") // short: a socket's path may have 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	host := "unix://" + dir + "/docker.sock"
	var out bytes.Buffer
	cmd := exec.Command(dockerd, "-H", host, "--data-root", dir+"/data", "--exec-root", dir+"/exec", "--pidfile", dir+"/pid",
		"--storage-driver", "vfs", "--iptables=false", "--ip6tables=false", "--bridge=none")
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(30 * time.Second):
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
			<-ended
		}
		if t.Failed() {
			t.Logf("last words of dockerd:\n%s", tail(out.String()))
		}
		_ = os.RemoveAll(dir)
	})
	c, err := client.New(client.WithHost(host))
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		if _, err = c.Ping(context.Background(), client.PingOptions{}); err == nil {
			break
		}
		select {
		case gone := <-ended:
			ended <- gone
			t.Fatalf("dockerd does not run here: %v\n%s", gone, tail(out.String()))
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("dockerd does not answer: %v\n%s", err, tail(out.String()))
		}
	}
	importImage(t, c, busybox, Image)
	importImage(t, c, busybox, PauseImage, `ENTRYPOINT ["/bin/sleep", "86400"]`)
	return host
}

func tail(text string) string { return text[max(0, len(text)-4000):] }

// importImage makes an image of a static busybox.
func importImage(t *testing.T, c *client.Client, busybox, name string, changes ...string) {
	t.Helper()
	binary, err := os.ReadFile(busybox)
	if err != nil {
		t.Fatal(err)
	}
	response, err := c.ImageImport(context.Background(), client.ImageImportSource{Source: bytes.NewReader(layerOf(t, binary)), SourceName: "-"}, name, client.ImageImportOptions{Changes: changes})
	if err != nil {
		t.Fatal(err)
	}
	defer response.Close()
	if _, err := io.Copy(io.Discard, response); err != nil {
		t.Fatal(err)
	}
}

// layerOf is the archive of an image with a static busybox.
func layerOf(t *testing.T, binary []byte) []byte {
	t.Helper()
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	add := func(h tar.Header, content []byte) {
		h.Size = int64(len(content))
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	add(tar.Header{Typeflag: tar.TypeDir, Name: "bin/", Mode: 0o755}, nil)
	add(tar.Header{Typeflag: tar.TypeDir, Name: "tmp/", Mode: 0o777}, nil)
	add(tar.Header{Typeflag: tar.TypeReg, Name: "bin/busybox", Mode: 0o755}, binary)
	for _, applet := range []string{"sh", "sleep", "cat", "env", "grep", "dd", "nc", "tail", "head"} {
		add(tar.Header{Typeflag: tar.TypeSymlink, Name: "bin/" + applet, Linkname: "busybox"}, nil)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return archive.Bytes()
}
