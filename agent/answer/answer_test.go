// SPDX-License-Identifier: MPL-2.0

package answer

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"

	"github.com/muster-ci/muster/core"
)

// callerOf names a socket to a process of the tests that is to do nothing but
// call it, and to print what it gets.
const callerOf = "ANSWER_TEST_CALLER"

func TestMain(m *testing.M) {
	path := os.Getenv(callerOf)
	if path == "" {
		os.Exit(m.Run())
	}
	var got string
	err := NewCaller(path).Call(context.Background(), "/v1/secret", Nothing{}, &got)
	fmt.Printf("%s: %v, %q\n", core.ErrorCode(err), err, got)
}

// start serves what register registers, and returns the socket.
func start(t *testing.T, path string, register func(*Server)) string {
	t.Helper()
	server := NewServer(hclog.NewNullLogger())
	register(server)
	if err := server.Listen(path); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		server.Run(ctx)
		close(ended)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return path
}

func double(s *Server) {
	s.Handle("POST /v1/double", JSON(func(_ context.Context, n int) (int, error) {
		if n < 0 {
			return 0, core.Errorf(core.CodeInvalid, "%d is too small", n)
		}
		return 2 * n, nil
	}))
	s.Handle("POST /v1/broken", JSON(func(context.Context, Nothing) (Nothing, error) {
		return Nothing{}, os.ErrPermission
	}))
}

func TestCallsAreAnswered(t *testing.T) {
	t.Parallel()
	caller := NewCaller(start(t, filepath.Join(t.TempDir(), Socket), double))
	var got int
	if err := caller.Call(t.Context(), "/v1/double", 21, &got); err != nil || got != 42 {
		t.Errorf("got %d, %v", got, err)
	}
	for path, want := range map[string]core.Code{"/v1/double": core.CodeInvalid, "/v1/none": core.CodeNotFound, "/v1/broken": core.CodeInternal} {
		var in any = -1
		if path == "/v1/broken" {
			in = Nothing{}
		}
		err := caller.Call(t.Context(), path, in, nil)
		if core.ErrorCode(err) != want {
			t.Errorf("%s: got %v, want %s", path, err, want)
		}
		if err != nil && strings.Contains(err.Error(), os.ErrPermission.Error()) {
			t.Errorf("the agent's own reasons show: %v", err)
		}
	}
	if err := caller.Call(t.Context(), "/v1/double", strings.Repeat("x", maxBody+1), nil); err == nil {
		t.Error("a body beyond the limit was taken")
	}
	err := NewCaller(filepath.Join(t.TempDir(), Socket)).Call(t.Context(), "/v1/double", 1, nil)
	if core.ErrorCode(err) != core.CodeUnavailable {
		t.Errorf("got %v", err)
	}
}

// TestLongPaths: folders of a job may be deeper than a socket's address.
func TestLongPaths(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), strings.Repeat("d", 120))
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	var got int
	if err := NewCaller(start(t, filepath.Join(dir, Socket), double)).Call(t.Context(), "/v1/double", 4, &got); err != nil || got != 8 {
		t.Errorf("got %d, %v", got, err)
	}
}

// TestOnlyDescendantsAreAnswered has a process of the same user call that is no
// child of this one: an orphan of a shell, handed to the machine's init.
func TestOnlyDescendantsAreAnswered(t *testing.T) {
	t.Parallel()
	called := make(chan struct{}, 1)
	path := start(t, filepath.Join(t.TempDir(), Socket), func(s *Server) {
		s.Handle("POST /v1/secret", JSON(func(context.Context, Nothing) (string, error) {
			called <- struct{}{}
			return "secret", nil
		}))
	})
	out := filepath.Join(t.TempDir(), "out")
	// The inner shell outlives the outer one only when the outer has ended: it
	// waits for that on a pipe which the outer one holds.
	script := `(read gone; exec "$0" >"$1" 2>&1) <&3 3>&- &`
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	done, ended, err := os.Pipe() // ended when the orphan is
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/bin/sh", "-c", script, self, out)
	cmd.Env = append(os.Environ(), callerOf+"="+path)
	cmd.ExtraFiles = []*os.File{read, ended}
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	ended.Close()
	write.Close()
	done.Read(make([]byte, 1))
	text, _ := os.ReadFile(out)
	if !strings.Contains(string(text), "forbidden") {
		t.Errorf("the stranger got: %s", text)
	}
	select {
	case <-called:
		t.Error("a process that is no descendant was answered")
	default:
	}
}

// TestGarbageIsNoHarm sends what is no HTTP, and half a request.
func TestGarbageIsNoHarm(t *testing.T) {
	t.Parallel()
	path := start(t, filepath.Join(t.TempDir(), Socket), double)
	for _, garbage := range []string{"\x00\xff\r\n\r\n", "POST /v1/double HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n4", strings.Repeat("A: b\r\n", 10000)} {
		conn, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		conn.Write([]byte(garbage))
		conn.Close()
	}
	var got int
	if err := NewCaller(path).Call(t.Context(), "/v1/double", 5, &got); err != nil || got != 10 {
		t.Errorf("got %d, %v", got, err)
	}
}
