// SPDX-License-Identifier: MPL-2.0

package agenttest

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// ObjectFault is what an object store does to one request.
type ObjectFault int

// The faults of an object store.
const (
	Works   ObjectFault = iota
	Fails               // 500
	Expired             // 403, as for an address that is too old
	Cuts                // breaks off in the middle of the body
	Hangs               // takes the request and never answers
	Garbles             // a GET answers with a byte changed
	Whole               // a GET answers with all, whatever range was asked for
)

// Objects is an object store that takes PUT and GET with ranges, in memory or,
// with a folder, there.
type Objects struct {
	Dir string

	mu       sync.Mutex
	data     map[string][]byte
	fault    func(n int, method, object string) ObjectFault
	requests int
	sent     int64 // bytes of GET answers
}

// SetFault decides the fault of each request by its number, from 1.
func (o *Objects) SetFault(fault func(n int, method, object string) ObjectFault) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.fault = fault
}

// Requests returns how many came, and how many bytes GETs were answered with.
func (o *Objects) Requests() (int, int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.requests, o.sent
}

// Change replaces an object by what change makes of it.
func (o *Objects) Change(object string, change func([]byte) []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.data[object] = change(bytes.Clone(o.data[object]))
}

func (o *Objects) object(name string) ([]byte, bool) {
	if o.Dir != "" {
		data, err := os.ReadFile(o.path(name))
		return data, err == nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	data, ok := o.data[name]
	return data, ok
}

func (o *Objects) path(name string) string {
	return filepath.Join(o.Dir, strings.ReplaceAll(name, "/", "_"))
}

func (o *Objects) enter(method, name string) ObjectFault {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.requests++
	if o.fault == nil {
		return Works
	}
	return o.fault(o.requests, method, name)
}

// ServeHTTP serves /objects/<name>?method=<the method it is for>.
func (o *Objects) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, "/objects/")
	fault := o.enter(r.Method, name)
	switch {
	case fault == Fails:
		http.Error(w, "the test says so", http.StatusInternalServerError)
	case fault == Expired || r.URL.Query().Get("method") != r.Method || r.Header.Get("Authorization") != "":
		http.Error(w, "not signed for that", http.StatusForbidden)
	case fault == Hangs:
		io.Copy(io.Discard, r.Body) // or the server does not see the client go
		<-r.Context().Done()
	case r.Method == http.MethodPut:
		o.put(w, r, name, fault)
	default:
		o.get(w, r, name, fault)
	}
}

func (o *Objects) put(w http.ResponseWriter, r *http.Request, name string, fault ObjectFault) {
	if fault == Cuts {
		io.CopyN(io.Discard, r.Body, r.ContentLength/2)
		panic(http.ErrAbortHandler)
	}
	if o.Dir != "" {
		if err := o.putFile(r, name); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
		return
	}
	data := make([]byte, r.ContentLength)
	if _, err := io.ReadFull(r.Body, data); err != nil {
		http.Error(w, "incomplete", http.StatusBadRequest)
		return
	}
	if sum := sha256.Sum256(data); r.Header.Get("Content-Digest") != "sha-256=:"+base64.StdEncoding.EncodeToString(sum[:])+":" {
		http.Error(w, "not the digest", http.StatusBadRequest)
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.data == nil {
		o.data = make(map[string][]byte)
	}
	o.data[name] = data
}

func (o *Objects) putFile(r *http.Request, name string) error {
	file, err := os.Create(o.path(name))
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = io.CopyBuffer(struct{ io.Writer }{file}, r.Body, make([]byte, 1<<20))
	return err
}

func (o *Objects) get(w http.ResponseWriter, r *http.Request, name string, fault ObjectFault) {
	if o.Dir != "" {
		http.ServeFile(w, r, o.path(name))
		return
	}
	data, ok := o.object(name)
	if !ok {
		http.NotFound(w, r)
		return
	}
	counted := &counting{ResponseWriter: w, left: -1}
	switch fault {
	case Cuts:
		counted.left = len(data) / 3
	case Garbles:
		data = bytes.Clone(data)
		data[len(data)/2] ^= 1
	case Whole:
		r.Header.Del("Range")
	}
	defer func() { o.count(counted.n) }()
	http.ServeContent(counted, r, "", time.Time{}, bytes.NewReader(data))
}

func (o *Objects) count(n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.sent += int64(n)
}

// counting counts what is written, and hangs up when nothing is left.
type counting struct {
	http.ResponseWriter
	n, left int
}

// Write counts.
func (c *counting) Write(p []byte) (int, error) {
	if c.left >= 0 && c.n+len(p) > c.left {
		n, _ := c.ResponseWriter.Write(p[:c.left-c.n])
		c.n += n
		c.ResponseWriter.(http.Flusher).Flush() // else the cut takes what is buffered with it
		panic(http.ErrAbortHandler)
	}
	n, err := c.ResponseWriter.Write(p)
	c.n += n
	return n, err
}
