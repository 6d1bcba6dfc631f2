// SPDX-License-Identifier: MPL-2.0

package resolve

import (
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
)

// maxTried bounds how many instances one request tries.
const maxTried = 3

// send tries one instance after the other until a connection stands. From then
// on the request may have had an effect, and repeating it is the caller's
// decision.
//
// net/http itself repeats a request on a new connection when a kept one turns
// out to be dead before anything was sent. So a failed dial always means that
// no instance has seen the request, though its body may have been read.
func (c *Consul) send(request *http.Request, s *service) (*http.Response, error) {
	content := holdBody(request.Body)
	defer func() { content.release() }()
	var failure error
	walk := roundOf(request.Context())
	tried := walk.of(s)
	for most := len(tried) + maxTried; len(tried) < most && request.Context().Err() == nil; {
		i := s.pick(c.clock(), tried)
		if i == nil {
			break
		}
		tried = append(tried, i)
		walk.add(i.address)
		response, err := c.transport.RoundTrip(toInstance(request, content, i.address))
		if err == nil {
			s.restore(i)
			return response, nil
		}
		if !isDial(err) {
			return nil, err
		}
		failure = err
		// The end of the caller's patience says nothing of the instance.
		if request.Context().Err() == nil {
			s.eject(i, c.clock())
			c.logger.Warn("connecting to an instance failed", "service", s.name, "address", i.address, "error", err)
		}
		if content.touched() {
			if request.GetBody == nil {
				break
			}
			body, err := request.GetBody()
			if err != nil {
				return nil, err
			}
			content.release()
			content = holdBody(body)
		}
	}
	content.Close()
	if err := request.Context().Err(); err != nil {
		failure = err
	}
	return nil, noInstance(s.name, failure)
}

// toInstance addresses a copy of the request to an instance. The Host header
// stays the service's name.
func toInstance(request *http.Request, content *heldBody, address string) *http.Request {
	copied := request.Clone(request.Context())
	if copied.Host == "" {
		copied.Host = request.URL.Host
	}
	copied.URL.Host = address
	if content != nil {
		copied.Body = content
	}
	return copied
}

func isDial(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// heldBody keeps a body open when net/http closes it after a failed dial, so
// that the next instance can have it. A nil *heldBody stands for no body.
type heldBody struct {
	io.ReadCloser

	mu       sync.Mutex
	read     bool
	released bool
	closing  bool
}

func holdBody(body io.ReadCloser) *heldBody {
	if body == nil || body == http.NoBody {
		return nil
	}
	return &heldBody{ReadCloser: body}
}

func (b *heldBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	b.read = true
	b.mu.Unlock()
	return b.ReadCloser.Read(p)
}

// Close closes the body once it has been released, and until then remembers
// that it was asked to.
func (b *heldBody) Close() error {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	b.closing = true
	released := b.released
	b.mu.Unlock()
	if !released {
		return nil
	}
	return b.ReadCloser.Close()
}

// touched tells whether anything was read, so that a repetition would send
// only the rest.
func (b *heldBody) touched() bool {
	if b == nil {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.read
}

// release ends the holding: this attempt was the last one.
func (b *heldBody) release() {
	if b == nil {
		return
	}
	b.mu.Lock()
	b.released = true
	closing := b.closing
	b.mu.Unlock()
	if closing {
		b.ReadCloser.Close()
	}
}
