// SPDX-License-Identifier: MPL-2.0

package sse

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// MaxEvent is the most bytes of one event that a Reader takes.
const MaxEvent = 1 << 20

// ErrEvent is wrapped by errors about an event that is too long.
var ErrEvent = errors.New("malformed event stream")

// Reader reads events. It is for one goroutine.
type Reader struct {
	r      *bufio.Reader
	lastID string
	retry  time.Duration
	skipLF bool // the last line ended with CR: an LF now belongs to it
}

// NewReader reads from the body of an answer.
func NewReader(r io.Reader) *Reader { return &Reader{r: bufio.NewReaderSize(r, 32<<10)} }

// LastID returns the id to resume from: that of the last event that had one.
func (r *Reader) LastID() string { return r.lastID }

// Retry returns the pause that the server asked for, 0 when it did not.
func (r *Reader) Retry() time.Duration { return r.retry }

// Next returns the next event that has data; its ID is the last one seen.
// io.EOF means that the stream ended between events, io.ErrUnexpectedEOF that
// it broke off inside of one, which then does not count.
func (r *Reader) Next() (Event, error) {
	var e Event
	var data []byte
	size, any := 0, false
	for {
		line, err := r.line()
		if err != nil {
			if errors.Is(err, io.EOF) && size > 0 {
				err = io.ErrUnexpectedEOF
			}
			return Event{}, err
		}
		if size += len(line); size > MaxEvent {
			return Event{}, fmt.Errorf("%w: an event of more than %d bytes", ErrEvent, MaxEvent)
		}
		if len(line) == 0 {
			if !any {
				e, size = Event{}, 0
				continue
			}
			e.ID, e.Data = r.lastID, data[:len(data)-1]
			return e, nil
		}
		name, value, _ := strings.Cut(string(line), ":")
		value = strings.TrimPrefix(value, " ")
		if name == "data" {
			data, any = append(append(data, value...), '\n'), true
			continue
		}
		r.set(&e, name, value)
	}
}

// set takes a field other than data; unknown ones and comments change nothing.
func (r *Reader) set(e *Event, name, value string) {
	switch name {
	case "event":
		e.Name = value
	case "id":
		if !strings.Contains(value, "\x00") {
			r.lastID = value
		}
	case "retry":
		if ms, err := strconv.ParseUint(value, 10, 31); err == nil {
			r.retry = time.Duration(ms) * time.Millisecond
		}
	}
}

// line reads up to CR, LF or CRLF, without it. The LF of a CRLF is taken when
// the next line is read: waiting for it would hold back an event that has come.
func (r *Reader) line() ([]byte, error) {
	var line bytes.Buffer
	for {
		b, err := r.r.ReadByte()
		if err != nil {
			if errors.Is(err, io.EOF) && line.Len() > 0 {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		skip := r.skipLF
		r.skipLF = b == '\r'
		switch {
		case b == '\n' && skip:
		case b == '\n' || b == '\r':
			return line.Bytes(), nil
		case line.Len() == MaxEvent:
			return nil, fmt.Errorf("%w: a line of more than %d bytes", ErrEvent, MaxEvent)
		default:
			line.WriteByte(b)
		}
	}
}
