// SPDX-License-Identifier: MPL-2.0

package resolve

import (
	"context"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/muster-ci/muster/core"
)

const (
	// backlog is how many connections may wait for Accept.
	backlog = 128
	// idlePerService is how many connections to one service are kept: enough
	// that a burst of calls does not build them anew each time.
	idlePerService = 64
)

// Memory is the catalog of services that run in one process.
type Memory struct {
	transport *http.Transport

	mu        sync.Mutex
	listeners map[string]*memoryListener
}

// NewMemory returns an empty catalog.
func NewMemory() *Memory {
	m := &Memory{listeners: make(map[string]*memoryListener)}
	m.transport = &http.Transport{
		DialContext:         m.dial,
		MaxIdleConnsPerHost: idlePerService,
		IdleConnTimeout:     time.Minute,
		DisableCompression:  true, // it would only burn time within one process
	}
	return m
}

// Listen makes the service reachable until the listener is closed. A service
// that listens already is CodeConflict.
func (m *Memory) Listen(service string) (net.Listener, error) {
	if !servicePattern.MatchString(service) {
		return nil, core.Errorf(core.CodeInvalid, "%.80q is not a name for a service", service)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.listeners[service] != nil {
		return nil, core.Errorf(core.CodeConflict, "the service %s listens already", service)
	}
	l := &memoryListener{memory: m, service: service, incoming: make(chan net.Conn, backlog), closed: make(chan struct{})}
	m.listeners[service] = l
	return l, nil
}

// Transport implements Catalog.
func (m *Memory) Transport() http.RoundTripper { return memoryTransport{m} }

// CloseIdle closes connections that no request uses, so that servers can stop.
func (m *Memory) CloseIdle() { m.transport.CloseIdleConnections() }

// dial connects to the service that the address "<service>.muster:80" names.
func (m *Memory) dial(ctx context.Context, _, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	service := strings.TrimSuffix(host, domain)
	m.mu.Lock()
	l := m.listeners[service]
	m.mu.Unlock()
	if l == nil {
		return nil, noInstance(service, nil)
	}
	client, server := newPipe(service)
	select {
	case l.incoming <- server:
	case <-l.closed:
		return nil, noInstance(service, nil)
	case <-ctx.Done():
		return nil, noInstance(service, ctx.Err())
	}
	select {
	case <-l.closed:
		// It may have closed just before the connection was put there, and then
		// nobody takes it out.
		server.Close()
		return nil, noInstance(service, nil)
	default:
		return client, nil
	}
}

// memoryTransport gives dial errors, which net/http wraps, their code back.
type memoryTransport struct{ m *Memory }

func (t memoryTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	name, err := serviceOf(request)
	if err == nil && !roundOf(request.Context()).add(name) {
		err = noInstance(name, nil) // there is one
	}
	if err != nil {
		closeBody(request)
		return nil, err
	}
	if request.URL.Scheme != "http" {
		closeBody(request)
		return nil, core.Errorf(core.CodeInvalid, "services in one process are called with http, not with %q", request.URL.Scheme)
	}
	return t.m.transport.RoundTrip(request)
}

type memoryListener struct {
	memory   *Memory
	service  string
	incoming chan net.Conn
	once     sync.Once
	closed   chan struct{}
}

func (l *memoryListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.incoming:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close takes the service out of the catalog. Connections that nobody accepted
// are cut, so that their callers do not wait.
func (l *memoryListener) Close() error {
	err := net.ErrClosed
	l.once.Do(func() {
		err = nil
		l.memory.mu.Lock()
		delete(l.memory.listeners, l.service)
		l.memory.mu.Unlock()
		close(l.closed)
	})
	for {
		select {
		case conn := <-l.incoming:
			conn.Close()
		default:
			return err
		}
	}
}

func (l *memoryListener) Addr() net.Addr { return pipeAddress(l.service) }
