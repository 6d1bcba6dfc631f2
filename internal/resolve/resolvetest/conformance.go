// SPDX-License-Identifier: MPL-2.0

package resolvetest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/resolve"
)

// Setup is one catalog under test.
type Setup struct {
	Catalog resolve.Catalog
	// Start runs a healthy instance of a service. When stop returns the
	// instance is gone; the catalog may not know yet.
	Start func(service string, handler http.Handler) (stop func())
}

// Run runs the suite; open returns a catalog without services.
func Run(t *testing.T, open func(t *testing.T) Setup) {
	t.Helper()
	for name, story := range map[string]func(*testing.T, Setup){
		"request and answer": requestAndAnswer, "unknown": unknown, "stop and start": stopAndStart,
		"large bodies": largeBodies, "many at once": manyAtOnce, "streaming": streaming,
		"canceled": canceled, "broken off": brokenOff,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			story(t, open(t))
		})
	}
}

func client(s Setup) *http.Client { return &http.Client{Transport: s.Catalog.Transport()} }

// send makes a request and returns status and body.
func send(ctx context.Context, s Setup, method, address string, content io.Reader) (int, []byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, address, content)
	if err != nil {
		return 0, nil, err
	}
	response, err := client(s).Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response.StatusCode, body, err
}

// Await asks every few milliseconds until f says yes, and ends the test when it
// does not for long. No catalog tells when it has heard of a change.
func Await(t *testing.T, what string, f func() bool) {
	t.Helper()
	late := time.After(20 * time.Second)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !f() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("waited too long: %s", what)
		}
	}
}

// eventually repeats a request until the catalog has heard of the service.
func eventually(t *testing.T, s Setup, address string) (body []byte) {
	t.Helper()
	Await(t, address+" answers", func() bool {
		var err error
		_, body, err = send(t.Context(), s, http.MethodGet, address, nil)
		if err != nil && core.ErrorCode(err) != core.CodeUnavailable {
			t.Fatalf("getting %s: %v", address, err)
		}
		return err == nil
	})
	return body
}

func text(content string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, content) })
}

func requestAndAnswer(t *testing.T, s Setup) {
	s.Start("queue", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprintf(w, "%s %s %s %s %s %v", r.Method, r.Host, r.URL, r.Header.Get("X-Test"), body, err)
	}))
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://queue.muster/queue/v1/enqueue?a=b", strings.NewReader("content"))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-Test", "header")
	response, err := client(s).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	got, err := io.ReadAll(response.Body)
	want := "POST queue.muster /queue/v1/enqueue?a=b header content <nil>"
	if err != nil || response.StatusCode != http.StatusTeapot || string(got) != want {
		t.Errorf("got status %d, %q, %v; want %q", response.StatusCode, got, err, want)
	}
	if request.URL.Host != "queue.muster" {
		t.Errorf("the request was changed to %s", request.URL)
	}
}

func unknown(t *testing.T, s Setup) {
	s.Start("queue", text("queue"))
	for _, host := range []string{
		"output.muster", "queue", "queue.muster.example.com", "example.com", "127.0.0.1:1", "a.queue.muster",
		"-queue.muster", "QUEUE.muster", ".muster", strings.Repeat("q", 64) + ".muster",
	} {
		body := &closed{Reader: strings.NewReader("content")}
		_, _, err := send(t.Context(), s, http.MethodPost, "http://"+host+"/", body)
		if core.ErrorCode(err) != core.CodeUnavailable {
			t.Errorf("%s: got %v, want unavailable", host, err)
		}
		if !body.isClosed() {
			t.Errorf("%s: the request's body was not closed", host)
		}
	}
	_, body, err := send(t.Context(), s, http.MethodGet, "http://queue.muster:80/", nil)
	if err != nil || string(body) != "queue" {
		t.Errorf("with a port: got %q, %v", body, err)
	}
}

// closed is a body that tells whether it was closed.
type closed struct {
	io.Reader
	mu   sync.Mutex
	done bool
}

func (c *closed) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done = true
	return nil
}

func (c *closed) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.done
}

func stopAndStart(t *testing.T, s Setup) {
	for i := range 3 {
		want := fmt.Sprintf("instance %d", i)
		stop := s.Start("queue", text(want))
		if got := eventually(t, s, "http://queue.muster/"); string(got) != want {
			t.Errorf("got %q, want %q", got, want)
		}
		stop()
		gone(t, s, "http://queue.muster/")
	}
}

// gone fails unless requests soon end as unavailable. Those on connections whose
// end has not been noticed yet may end with errors of net/http before.
func gone(t *testing.T, s Setup, address string) {
	t.Helper()
	const kept = 8
	for range kept {
		_, _, err := send(t.Context(), s, http.MethodPost, address, strings.NewReader("x"))
		if err == nil {
			t.Error("a stopped instance answered")
		}
		if core.ErrorCode(err) == core.CodeUnavailable {
			return
		}
	}
	t.Errorf("%d requests after the stop and none was unavailable", kept)
}

func largeBodies(t *testing.T, s Setup) {
	s.Start("output", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// All is read first: with HTTP/1 a handler that answers while it reads
		// must say so.
		content, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_, _ = w.Write(content)
	}))
	for _, size := range []int{0, 1, 64 << 10, 64<<10 + 1, 10 << 20} {
		content := make([]byte, size)
		rand.Read(content)
		_, got, err := send(t.Context(), s, http.MethodPost, "http://output.muster/", bytes.NewReader(content))
		if err != nil || !bytes.Equal(got, content) {
			t.Errorf("%d bytes: got %d bytes, %v", size, len(got), err)
		}
	}
}

func manyAtOnce(t *testing.T, s Setup) {
	services := []string{"queue", "output", "workflows"}
	for _, service := range services {
		s.Start(service, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, service, r.URL.Path) }))
	}
	var done sync.WaitGroup
	for i := range 32 {
		done.Go(func() {
			for j := range 30 {
				service, path := services[(i+j)%len(services)], fmt.Sprintf("/%d/%d", i, j)
				_, got, err := send(t.Context(), s, http.MethodGet, "http://"+service+".muster"+path, nil)
				if err != nil || string(got) != service+path {
					t.Errorf("%s%s: got %q, %v", service, path, got, err)
				}
			}
		})
	}
	done.Wait()
}

// streaming has each side wait for the other's last word.
func streaming(t *testing.T, s Setup) {
	heard := make(chan struct{})
	s.Start("output", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "first")
		_ = http.NewResponseController(w).Flush()
		select {
		case <-heard:
		case <-r.Context().Done():
		}
		_, _ = io.WriteString(w, "second")
	}))
	response, err := client(s).Get("http://output.muster/")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	first := make([]byte, len("first"))
	if _, err := io.ReadFull(response.Body, first); err != nil {
		t.Fatal(err)
	}
	close(heard)
	rest, err := io.ReadAll(response.Body)
	if err != nil || string(rest) != "second" {
		t.Errorf("got %q, %v", rest, err)
	}
}

// canceled ends a request in the middle; both sides get to know.
func canceled(t *testing.T, s Setup) {
	arrived, left := make(chan struct{}), make(chan struct{})
	s.Start("queue", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
		close(left)
	}))
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	_, _, err := send(ctx, s, http.MethodGet, "http://queue.muster/", nil)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want canceled", err)
	}
	<-left
}

// brokenOff: the instance dies while it has the request. Whether the request had
// an effect is not known, so this must not look as if it had none.
func brokenOff(t *testing.T, s Setup) {
	var mu sync.Mutex
	calls := 0
	s.Start("queue", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		mu.Lock()
		calls++
		mu.Unlock()
		panic(http.ErrAbortHandler)
	}))
	_, _, err := send(t.Context(), s, http.MethodPost, "http://queue.muster/", strings.NewReader("x"))
	if err == nil || core.ErrorCode(err) == core.CodeUnavailable {
		t.Errorf("got %v, want an error of net/http", err)
	}
	mu.Lock()
	defer mu.Unlock()
	if calls != 1 {
		t.Errorf("the request was sent %d times", calls)
	}
}
