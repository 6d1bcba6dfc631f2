// SPDX-License-Identifier: MPL-2.0

package sse

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"
	"unicode/utf8"
)

// The names of the events of an output stream.
const (
	OutputEvent = "output"
	EndEvent    = "end"
)

// Beat is the usual pause between comments on a silent stream: below the 30
// seconds after which the impatient among proxies give up.
const Beat = 15 * time.Second

// Output is the data of an output event, and with Offset alone that of an end
// event. Bytes that are UTF-8 are in Text, others in Base64.
type Output struct {
	Offset int64  `json:"offset"`
	Text   string `json:"text,omitempty"`
	Base64 []byte `json:"base64,omitempty"`
}

// Bytes returns the bytes that the event carries.
func (o Output) Bytes() []byte {
	if o.Base64 != nil {
		return o.Base64
	}
	return []byte(o.Text)
}

// ParseOutput reads the data of an output or end event.
func ParseOutput(e Event) (Output, error) {
	var o Output
	if err := json.Unmarshal(e.Data, &o); err != nil {
		return Output{}, fmt.Errorf("reading an %s event: %w", e.Name, err)
	}
	return o, nil
}

// CopyOutput sends what body holds, whose first byte is at offset, as events
// until body ends; then it sends the end event. A comment goes out after each
// beat of silence. It always closes body, and returns nil only when the end
// event went out. Closing must make a waiting Read return, as it does for the
// body of an HTTP answer.
func CopyOutput(ctx context.Context, w *Writer, body io.ReadCloser, offset int64, beat time.Duration) error {
	ctx, cancel := context.WithCancel(ctx)
	reads := make(chan read)
	done := make(chan struct{})
	go func() {
		defer close(done)
		pump(ctx, body, reads)
	}()
	defer func() {
		cancel()
		body.Close()
		<-done
	}()
	c := copier{w: w, offset: offset}
	ticker := time.NewTicker(beat)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
			if err := w.Comment("beat"); err != nil {
				return err
			}
		case r := <-reads:
			ticker.Reset(beat)
			if err := c.take(r.data, r.err != nil); err != nil {
				return err
			}
			if errors.Is(r.err, io.EOF) {
				return c.send(EndEvent, Output{})
			}
			if r.err != nil {
				return fmt.Errorf("reading output: %w", r.err)
			}
		}
	}
}

// read is one result of reading the body; data is the receiver's.
type read struct {
	data []byte
	err  error
}

func pump(ctx context.Context, body io.Reader, reads chan<- read) {
	for {
		buf := make([]byte, 32<<10)
		n, err := body.Read(buf)
		select {
		case reads <- read{buf[:n], err}:
		case <-ctx.Done():
			return
		}
		if err != nil {
			return
		}
	}
}

// copier keeps the place in the output and the start of a rune whose end has
// not come yet.
type copier struct {
	w      *Writer
	offset int64
	carry  []byte
}

func (c *copier) take(data []byte, last bool) error {
	if len(c.carry) > 0 {
		data = append(c.carry, data...)
		c.carry = nil
	}
	if cut := runeStart(data); !last && cut < len(data) {
		c.carry = append([]byte(nil), data[cut:]...)
		data = data[:cut]
	}
	if len(data) == 0 {
		return nil
	}
	o := Output{Offset: c.offset, Text: string(data)}
	if !utf8.Valid(data) {
		o = Output{Offset: c.offset, Base64: data}
	}
	c.offset += int64(len(data))
	return c.send(OutputEvent, o)
}

func (c *copier) send(name string, o Output) error {
	if name == EndEvent {
		o.Offset = c.offset
	}
	data, err := json.Marshal(o)
	if err != nil {
		return fmt.Errorf("encoding an %s event: %w", name, err)
	}
	return c.w.Send(Event{ID: strconv.FormatInt(c.offset, 10), Name: name, Data: data})
}

// runeStart returns where a rune begins that data ends in the middle of, and
// len(data) when there is none.
func runeStart(data []byte) int {
	for i := len(data) - 1; i >= 0 && i >= len(data)-utf8.UTFMax; i-- {
		if utf8.RuneStart(data[i]) {
			if utf8.FullRune(data[i:]) {
				return len(data)
			}
			return i
		}
	}
	return len(data)
}
