// SPDX-License-Identifier: MPL-2.0

package resolve

import (
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// pipeBuffer is how far a writer may be ahead of its reader.
const pipeBuffer = 64 << 10

// newPipe returns the two ends of a connection in memory. Unlike net.Pipe it
// has buffers: net/http writes headers and body apart, and with net.Pipe each
// of these writes waits for the other side to come round.
func newPipe(name string) (client, server net.Conn) {
	request, response := newStream(), newStream()
	address := pipeAddress(name)
	return &pipeEnd{in: response, out: request, address: address},
		&pipeEnd{in: request, out: response, address: address}
}

// pipeAddress is the address of both ends: the service's name.
type pipeAddress string

func (a pipeAddress) Network() string { return "memory" }
func (a pipeAddress) String() string  { return string(a) }

type pipeEnd struct {
	in, out *stream
	address pipeAddress
}

func (p *pipeEnd) Read(b []byte) (int, error)  { return p.in.read(b) }
func (p *pipeEnd) Write(b []byte) (int, error) { return p.out.write(b) }

// Close lets the other side read what has been written, as TCP does.
func (p *pipeEnd) Close() error {
	p.in.closeReader()
	p.out.closeWriter()
	return nil
}

func (p *pipeEnd) LocalAddr() net.Addr  { return p.address }
func (p *pipeEnd) RemoteAddr() net.Addr { return p.address }

func (p *pipeEnd) SetDeadline(t time.Time) error {
	p.in.reading.set(t)
	p.out.writing.set(t)
	return nil
}

func (p *pipeEnd) SetReadDeadline(t time.Time) error {
	p.in.reading.set(t)
	return nil
}

func (p *pipeEnd) SetWriteDeadline(t time.Time) error {
	p.out.writing.set(t)
	return nil
}

// stream is one direction: a ring of bytes that one side fills and the other
// empties.
type stream struct {
	reading, writing *deadline

	mu           sync.Mutex
	changed      *sync.Cond
	ring         []byte // nil until the first write; most connections idle
	start, size  int
	writerClosed bool
	readerClosed bool
}

func newStream() *stream {
	s := &stream{}
	s.changed = sync.NewCond(&s.mu)
	s.reading = &deadline{stream: s}
	s.writing = &deadline{stream: s}
	return s
}

func (s *stream) read(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.readerClosed:
			return 0, net.ErrClosed
		case s.reading.passed:
			return 0, os.ErrDeadlineExceeded
		case len(b) == 0:
			return 0, nil
		case s.size > 0:
			n := s.take(b)
			s.changed.Broadcast()
			return n, nil
		case s.writerClosed:
			return 0, io.EOF
		}
		s.changed.Wait()
	}
}

func (s *stream) write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	written := 0
	for {
		switch {
		case s.writerClosed:
			return written, net.ErrClosed
		case s.writing.passed:
			return written, os.ErrDeadlineExceeded
		case s.readerClosed:
			return written, io.ErrClosedPipe
		case written == len(b):
			return written, nil
		}
		if n := s.fill(b[written:]); n > 0 {
			written += n
			s.changed.Broadcast()
			continue
		}
		s.changed.Wait()
	}
}

// take and fill copy at most twice, around the end of the ring.
func (s *stream) take(b []byte) int {
	total := 0
	for total < len(b) && s.size > 0 {
		end := min(s.start+s.size, len(s.ring))
		n := copy(b[total:], s.ring[s.start:end])
		s.start = (s.start + n) % len(s.ring)
		s.size -= n
		total += n
	}
	return total
}

func (s *stream) fill(b []byte) int {
	if s.ring == nil {
		s.ring = make([]byte, pipeBuffer)
	}
	total := 0
	for total < len(b) && s.size < len(s.ring) {
		at := (s.start + s.size) % len(s.ring)
		end := len(s.ring)
		if at < s.start {
			end = s.start
		}
		n := copy(s.ring[at:end], b[total:])
		s.size += n
		total += n
	}
	return total
}

func (s *stream) closeWriter() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writerClosed = true
	s.writing.stop()
	s.changed.Broadcast()
}

func (s *stream) closeReader() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readerClosed = true
	s.ring, s.size = nil, 0
	s.reading.stop()
	s.changed.Broadcast()
}

// deadline belongs to one side of a stream, whose mutex guards it.
type deadline struct {
	stream *stream
	timer  *time.Timer
	passed bool
	// turn tells a timer that fired late from the one in force.
	turn int
}

// set follows net.Conn: zero is none, and one that has passed ends what waits.
func (d *deadline) set(t time.Time) {
	d.stream.mu.Lock()
	defer d.stream.mu.Unlock()
	d.stop()
	d.passed = false
	if t.IsZero() {
		return
	}
	wait := time.Until(t)
	if wait <= 0 {
		d.passed = true
		d.stream.changed.Broadcast()
		return
	}
	turn := d.turn
	d.timer = time.AfterFunc(wait, func() {
		d.stream.mu.Lock()
		defer d.stream.mu.Unlock()
		if d.turn == turn {
			d.passed = true
			d.stream.changed.Broadcast()
		}
	})
}

func (d *deadline) stop() {
	d.turn++
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
}
