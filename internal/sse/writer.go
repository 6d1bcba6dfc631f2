// SPDX-License-Identifier: MPL-2.0

package sse

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// ContentType is the media type of an event stream.
const ContentType = "text/event-stream"

// writeTimeout is how long a client may take to accept one event. One that
// sleeps for longer loses its connection and resumes when it wakes.
const writeTimeout = time.Minute

// Event is one event. Name "" means "message" to a browser; an empty ID leaves
// the client's last id as it is.
type Event struct {
	ID   string
	Name string
	Data []byte
}

// Writer writes events to an HTTP answer, each flushed at once. It is for one
// goroutine.
type Writer struct {
	w   http.ResponseWriter
	rc  *http.ResponseController
	buf bytes.Buffer
}

// NewWriter sends the head of the answer, so it must be the first to write.
func NewWriter(w http.ResponseWriter) (*Writer, error) {
	h := w.Header()
	h.Set("Content-Type", ContentType)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // nginx would hold events back otherwise
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(http.StatusOK)
	out := &Writer{w: w, rc: http.NewResponseController(w)}
	return out, out.flush()
}

// Send writes one event. Line ends inside ID and Name are left out, as they
// would start another field.
func (w *Writer) Send(e Event) error {
	w.field("id", e.ID)
	w.field("event", e.Name)
	// The standard ends a line at CR, LF or both; a lone CR inside data could
	// not be told from a line end, so all three become separate data lines.
	data := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(e.Data))
	for line := range strings.SplitSeq(data, "\n") {
		w.buf.WriteString("data: " + line + "\n")
	}
	w.buf.WriteByte('\n')
	return w.flush()
}

// Comment writes a comment, which clients ignore. An occasional one keeps
// connections from being taken for idle, and finds those that are gone.
func (w *Writer) Comment(text string) error {
	w.field("", text)
	w.buf.WriteByte('\n')
	return w.flush()
}

// Retry tells the client how long to wait before it connects again.
func (w *Writer) Retry(d time.Duration) error {
	w.field("retry", strconv.FormatInt(d.Milliseconds(), 10))
	w.buf.WriteByte('\n')
	return w.flush()
}

func (w *Writer) field(name, value string) {
	if name != "" && value == "" {
		return
	}
	value = strings.Map(func(r rune) rune {
		if r == '\n' || r == '\r' || r == 0 {
			return -1
		}
		return r
	}, value)
	w.buf.WriteString(name + ": " + value + "\n")
}

func (w *Writer) flush() error {
	// Not every writer has deadlines (a recorder in tests has none), and one
	// without is still worth writing to.
	_ = w.rc.SetWriteDeadline(time.Now().Add(writeTimeout))
	_, err := w.w.Write(w.buf.Bytes())
	w.buf.Reset()
	if err != nil {
		return fmt.Errorf("writing an event: %w", err)
	}
	if err := w.rc.Flush(); err != nil {
		return fmt.Errorf("flushing an event: %w", err)
	}
	return nil
}
