// SPDX-License-Identifier: MPL-2.0

package e2e_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/muster-ci/muster/e2e/scenario"
	"github.com/muster-ci/muster/internal/objects"
)

// faulty stands between agents and the platform's port for them, where with
// embedded parts the object store is too, and does to requests what a test asks.
type faulty struct {
	URL string

	mu      sync.Mutex
	decide  func(r *http.Request, try int) fault
	tries   map[string]int // by place
	passed  []passed
	changed chan struct{} // closed and replaced when a request came
	over    chan struct{} // closed when the test ends
}

// passed is a request that the platform has answered.
type passed struct {
	method, path string // and the object
	status       int
	sent         int64 // bytes of the answer
	began        int64 // of the object, as the range asked for
}

// fault is what is done to one request instead of passing it on, or with it; nil
// passes it on.
type fault func(f *faulty, w http.ResponseWriter, r *http.Request, pass http.HandlerFunc)

func newFaulty(t *testing.T, target string) *faulty {
	t.Helper()
	to, err := url.Parse("http://" + target)
	if err != nil {
		t.Fatal(err)
	}
	f := &faulty{tries: map[string]int{}, changed: make(chan struct{}), over: make(chan struct{})}
	proxy := httputil.NewSingleHostReverseProxy(to)
	proxy.FlushInterval = -1
	proxy.ErrorHandler = func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) }
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		pass := func(w http.ResponseWriter, r *http.Request) {
			counted := &counted{ResponseWriter: w, status: http.StatusOK}
			defer func() { f.note(r, counted) }()
			proxy.ServeHTTP(counted, r)
		}
		if do := f.enter(r); do != nil {
			do(f, w, r, pass)
			return
		}
		pass(w, r)
	}))
	f.URL = server.URL
	t.Cleanup(func() {
		close(f.over)
		server.CloseClientConnections()
		server.Close()
	})
	return f
}

// place names what a request is about: the method and the path, and of one to
// the object store the object.
func place(r *http.Request) string {
	return r.Method + " " + r.URL.Path + " " + r.URL.Query().Get("obj")
}

// set decides what is done from now on, by the number of the try at the same
// place, from 1. What was counted is forgotten.
func (f *faulty) set(decide func(r *http.Request, try int) fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.decide, f.tries, f.passed = decide, map[string]int{}, nil
}

func (f *faulty) enter(r *http.Request) fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tries[place(r)]++
	close(f.changed)
	f.changed = make(chan struct{})
	if f.decide == nil {
		return nil
	}
	return f.decide(r, f.tries[place(r)])
}

func (f *faulty) note(r *http.Request, c *counted) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := passed{method: r.Method, path: place(r), status: c.status, sent: c.sent}
	fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &p.began)
	f.passed = append(f.passed, p)
}

// until waits until done says yes, which is asked at each request.
func (f *faulty) until(t *testing.T, what string, done func() bool) {
	t.Helper()
	timeout := time.After(time.Minute)
	for {
		f.mu.Lock()
		changed, ok := f.changed, done()
		f.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-timeout:
			t.Fatalf("waiting for %s", what)
		}
	}
}

// counted counts an answer, and does something else in its midst.
type counted struct {
	http.ResponseWriter
	status int
	sent   int64
}

func (c *counted) WriteHeader(status int) {
	c.status = status
	c.ResponseWriter.WriteHeader(status)
}

func (c *counted) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p)
	c.sent += int64(n)
	return n, err
}

// Unwrap lets the proxy flush.
func (c *counted) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// midway calls then when so many bytes of an answer have been sent.
type midway struct {
	http.ResponseWriter
	left int
	then func()
}

func (m *midway) Write(p []byte) (int, error) {
	if len(p) <= m.left {
		m.left -= len(p)
		return m.ResponseWriter.Write(p)
	}
	n, _ := m.ResponseWriter.Write(p[:m.left])
	m.left -= n
	_ = http.NewResponseController(m.ResponseWriter).Flush() // else what is buffered goes with the connection
	m.then()
	return n, http.ErrAbortHandler
}

func (m *midway) Unwrap() http.ResponseWriter { return m.ResponseWriter }

func breakOff() { panic(http.ErrAbortHandler) }

// answers with a status of its own.
func answers(status int) fault {
	return func(_ *faulty, w http.ResponseWriter, r *http.Request, _ http.HandlerFunc) {
		_, _ = io.Copy(io.Discard, r.Body)
		http.Error(w, "the test says so", status)
	}
}

// gone hangs up at once, like a host that is not there.
func gone(*faulty, http.ResponseWriter, *http.Request, http.HandlerFunc) { breakOff() }

// halfway breaks off in the midst of a body, of the one that is sent or of the
// answer.
func halfway(_ *faulty, w http.ResponseWriter, r *http.Request, pass http.HandlerFunc) {
	if r.Method == http.MethodPut {
		_, _ = io.CopyN(io.Discard, r.Body, r.ContentLength/2)
		breakOff()
	}
	pass(&midway{ResponseWriter: w, left: 3 << 20, then: breakOff}, r)
}

// stalls does the same but for the breaking off: nothing moves any more.
func stalls(f *faulty, w http.ResponseWriter, r *http.Request, pass http.HandlerFunc) {
	wait := func() {
		select {
		case <-f.over:
		case <-r.Context().Done():
		}
		breakOff()
	}
	if r.Method == http.MethodPut {
		_, _ = io.CopyN(io.Discard, r.Body, r.ContentLength/2)
		wait()
	}
	pass(&midway{ResponseWriter: w, left: 3 << 20, then: wait}, r)
}

// late lets the first byte of the answer wait.
func late(f *faulty, w http.ResponseWriter, r *http.Request, pass http.HandlerFunc) {
	select {
	case <-time.After(300 * time.Millisecond):
	case <-f.over:
	}
	pass(w, r)
}

// toObjects tells whether a request is for the object store.
func toObjects(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, objects.HandlerPath) }

// outage is a platform whose agents reach it through faults only.
type outage struct {
	*embedded
	*scenario.Platform
	faults *faulty
}

// newOutage has agents run with more variables, by a shell that runs before
// first.
func newOutage(t *testing.T, before string, environ ...string) *outage {
	t.Helper()
	bin, err := binaries()
	if err != nil {
		t.Fatal(err)
	}
	wrapper := filepath.Join(t.TempDir(), "agent")
	script := "#!/bin/sh\nset -e\n"
	for _, v := range environ {
		script += "export " + v + "\n"
	}
	script += before + "\nexec " + bin + "/muster-agent \"$@\"\n"
	if err := os.WriteFile(wrapper, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	address := freePort(t)
	f := newFaulty(t, address)
	e := newEmbeddedWith(t, address, fmt.Sprintf("cluster {\n  output_url = [%q]\n  agent = %q\n}\n", f.URL, wrapper))
	return &outage{embedded: e, Platform: e.platform(), faults: f}
}

// step returns the output of a job's step.
func (o *outage) step(t *testing.T, end scenario.State, job, step string) string {
	t.Helper()
	out, err := o.StepOutput(t.Context(), end.Job(t, job).ID, step)
	if err != nil {
		t.Fatalf("reading %s of %s: %v", step, job, err)
	}
	return string(out)
}

// says fails the test unless the output of a step has all the parts, in order.
func (o *outage) says(t *testing.T, end scenario.State, job, step string, parts ...string) {
	t.Helper()
	out := o.step(t, end, job, step)
	rest := out
	for _, part := range parts {
		_, after, found := strings.Cut(rest, part)
		if !found {
			t.Errorf("%s of %s: without %q (in this order):\n%s", step, job, part, out)
			return
		}
		rest = after
	}
}
