// SPDX-License-Identifier: MPL-2.0

package resolve_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/resolve"
	"github.com/muster-ci/muster/internal/resolve/resolvetest"
	"github.com/muster-ci/muster/internal/testx"
)

// serve answers on a listener until stop is called.
func serve(t testing.TB, l net.Listener, handler http.Handler) (stop func()) {
	t.Helper()
	server := &http.Server{Handler: handler}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("serving: %v", err)
		}
	}()
	stop = func() {
		_ = server.Close()
		<-done
	}
	t.Cleanup(stop)
	return stop
}

func listen(t testing.TB, m *resolve.Memory, service string) net.Listener {
	t.Helper()
	l, err := m.Listen(service)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestMemoryConformance(t *testing.T) {
	t.Parallel()
	resolvetest.Run(t, func(t *testing.T) resolvetest.Setup {
		m := resolve.NewMemory()
		t.Cleanup(m.CloseIdle)
		return resolvetest.Setup{Catalog: m, Start: func(service string, handler http.Handler) func() {
			return serve(t, listen(t, m, service), handler)
		}}
	})
}

func TestMemoryListen(t *testing.T) {
	t.Parallel()
	m := resolve.NewMemory()
	l := listen(t, m, "queue")
	if got := l.Addr(); got.Network() != "memory" || got.String() != "queue" {
		t.Errorf("got address %s %s", got.Network(), got)
	}
	if _, err := m.Listen("queue"); core.ErrorCode(err) != core.CodeConflict {
		t.Errorf("listening twice: got %v, want conflict", err)
	}
	if _, err := m.Listen("Queue/../x"); core.ErrorCode(err) != core.CodeInvalid {
		t.Errorf("listening under a bad name: got %v, want invalid", err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if err := l.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("closing twice: got %v, want closed", err)
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("accepting after the close: got %v, want closed", err)
	}
	again := listen(t, m, "queue")
	_ = l.Close() // of the old one
	if _, err := m.Listen("queue"); core.ErrorCode(err) != core.CodeConflict {
		t.Errorf("the old listener's close took the new one away: %v", err)
	}
	_ = again.Close()
}

// TestMemoryCloseCutsTheWaiting has a request wait for a service that listens
// but never accepts.
func TestMemoryCloseCutsTheWaiting(t *testing.T) {
	t.Parallel()
	m := resolve.NewMemory()
	l := listen(t, m, "queue")
	got := make(chan error)
	go func() {
		response, err := (&http.Client{Transport: m.Transport()}).Get("http://queue.muster/")
		if err == nil {
			response.Body.Close()
		}
		got <- err
	}()
	_ = l.Close() // before or after the dial
	if err := <-got; err == nil {
		t.Error("no error")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://queue.muster/", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Transport().RoundTrip(request); core.ErrorCode(err) != core.CodeInvalid {
		t.Errorf("https: got %v, want invalid", err)
	}
}

func TestMemoryLeavesNothing(t *testing.T) {
	testx.NoLeaks(t)
	m := resolve.NewMemory()
	stop := serve(t, listen(t, m, "queue"), http.NotFoundHandler())
	response, err := (&http.Client{Transport: m.Transport()}).Get("http://queue.muster/")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, response.Body)
	response.Body.Close()
	stop()
	m.CloseIdle()
}

// BenchmarkCall compares a small call through memory with one over TCP.
func BenchmarkCall(b *testing.B) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, `{"ok":true}`)
	})
	m := resolve.NewMemory()
	serve(b, listen(b, m, "queue"), handler)
	tcp := httptest.NewServer(handler)
	b.Cleanup(tcp.Close)
	plain := http.DefaultTransport.(*http.Transport).Clone()
	plain.MaxIdleConnsPerHost = 64
	for _, c := range []struct {
		name      string
		transport http.RoundTripper
		address   string
	}{{"memory", m.Transport(), "http://queue.muster/"}, {"tcp", plain, tcp.URL}} {
		for _, size := range []int{200, 1 << 20} {
			b.Run(c.name+"/"+sizeName(size), func(b *testing.B) { benchmark(b, c.transport, c.address, size) })
		}
	}
}

func sizeName(size int) string {
	if size < 1<<20 {
		return "small"
	}
	return "1MiB"
}

func benchmark(b *testing.B, transport http.RoundTripper, address string, size int) {
	client, content := &http.Client{Transport: transport}, make([]byte, size)
	b.SetBytes(int64(size))
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			response, err := client.Post(address, "application/json", bytes.NewReader(content))
			if err != nil {
				b.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, response.Body)
			response.Body.Close()
		}
	})
}
