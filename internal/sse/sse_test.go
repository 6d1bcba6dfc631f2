// SPDX-License-Identifier: MPL-2.0

package sse_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/internal/sse"
)

// all reads events to the end of r.
func all(r io.Reader) (events []sse.Event, err error) {
	reader := sse.NewReader(r)
	for {
		e, err := reader.Next()
		if err != nil {
			return events, err
		}
		events = append(events, e)
	}
}

func TestEventsRoundTrip(t *testing.T) {
	t.Parallel()
	recorder := httptest.NewRecorder()
	w, err := sse.NewWriter(recorder)
	if err != nil {
		t.Fatal(err)
	}
	sent := []sse.Event{
		{ID: "1", Name: "output", Data: []byte(`{"a":1}`)},
		{ID: "2", Data: []byte("two\nlines\n")},
		{Name: "bad\nname: x", ID: "3\r\nevent: y", Data: []byte(": no comment\r\ndata: no field\rend")},
		{Name: "empty", Data: nil},
	}
	if err := errors.Join(w.Retry(1500*time.Millisecond), w.Comment("beat\ndata: no")); err != nil {
		t.Fatal(err)
	}
	for _, e := range sent {
		if err := w.Send(e); err != nil {
			t.Fatal(err)
		}
	}
	want := []sse.Event{
		{ID: "1", Name: "output", Data: []byte(`{"a":1}`)},
		{ID: "2", Data: []byte("two\nlines\n")},
		{ID: "3event: y", Name: "badname: x", Data: []byte(": no comment\ndata: no field\nend")},
		{ID: "3event: y", Name: "empty", Data: []byte{}},
	}
	for name, r := range map[string]io.Reader{"whole": recorder.Body, "bytes": iotest.OneByteReader(strings.NewReader(recorder.Body.String()))} {
		got, err := all(r)
		if !errors.Is(err, io.EOF) {
			t.Errorf("%s: got %v, want EOF", name, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: events (-want +got):\n%s", name, diff)
		}
	}
	if kind := recorder.Header().Get("Content-Type"); kind != "text/event-stream" {
		t.Errorf("got type %q", kind)
	}
}

func TestReaderTakesWhatTheStandardAllows(t *testing.T) {
	t.Parallel()
	const stream = ": hello\n\nid\nretry: 250\nretry: soon\nunknown: x\n\ndata:a\r\ndata:  b\rdata\n\nevent: e\n\ndata: last"
	r := sse.NewReader(strings.NewReader(stream))
	e, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sse.Event{Data: []byte("a\n b\n")}, e); diff != "" {
		t.Errorf("event (-want +got):\n%s", diff)
	}
	if r.Retry() != 250*time.Millisecond {
		t.Errorf("got retry %s", r.Retry())
	}
	if e, err := r.Next(); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v and %v, want an unexpected end", e, err)
	}
	for name, endless := range map[string]string{"line": strings.Repeat("x", sse.MaxEvent+1), "event": strings.Repeat("data: xxxxxxxxxxxxxxxxxxxxxxxxx\n", sse.MaxEvent/20)} {
		if _, err := sse.NewReader(strings.NewReader(endless)).Next(); !errors.Is(err, sse.ErrEvent) {
			t.Errorf("endless %s: got %v, want ErrEvent", name, err)
		}
	}
}

func TestEventIsReadBeforeTheNextByteComes(t *testing.T) {
	t.Parallel()
	read, write := io.Pipe()
	defer write.Close()
	go io.WriteString(write, "data: now\r\n\r") // and the LF may come much later
	if e, err := sse.NewReader(read).Next(); err != nil || string(e.Data) != "now" {
		t.Errorf("got %q, %v", e.Data, err)
	}
}

// copied runs CopyOutput over a server and returns what a client got.
func copied(t *testing.T, body io.ReadCloser, offset int64) (data []byte, last sse.Event, err error) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		out, err := sse.NewWriter(w)
		if err == nil {
			err = sse.CopyOutput(r.Context(), out, body, offset, time.Minute)
		}
		if err != nil {
			panic(http.ErrAbortHandler)
		}
	}))
	defer server.Close()
	response, err := server.Client().Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	events, err := all(response.Body)
	for _, e := range events {
		o, err := sse.ParseOutput(e)
		if err != nil {
			t.Fatal(err)
		}
		if o.Offset != offset+int64(len(data)) {
			t.Errorf("got offset %d, want %d", o.Offset, offset+int64(len(data)))
		}
		data = append(data, o.Bytes()...)
		last = e
	}
	return data, last, err
}

func TestCopyOutputKeepsEveryByte(t *testing.T) {
	t.Parallel()
	var want []byte
	for i := range 256 {
		want = append(want, byte(i))
		want = append(want, "aü€🎉\r\n\x00 \u2028<script>"...)
	}
	want = append(want, "ends in a rune 🎉"[:17]...)
	for name, r := range map[string]io.Reader{
		"whole": bytes.NewReader(want), "bytes": iotest.OneByteReader(bytes.NewReader(want)), "halves": iotest.HalfReader(bytes.NewReader(want)),
	} {
		got, last, err := copied(t, io.NopCloser(r), 1000)
		if !errors.Is(err, io.EOF) || !bytes.Equal(got, want) {
			t.Errorf("%s: got %d bytes, %v; want %d that are equal", name, len(got), err, len(want))
		}
		if last.Name != sse.EndEvent {
			t.Errorf("%s: got a last event %q, want the end", name, last.Name)
		}
	}
}

func TestRunesThatComeInPartsStayText(t *testing.T) {
	t.Parallel()
	recorder := httptest.NewRecorder()
	w, err := sse.NewWriter(recorder)
	if err != nil {
		t.Fatal(err)
	}
	body := io.NopCloser(iotest.OneByteReader(strings.NewReader("ü🎉")))
	if err := sse.CopyOutput(context.Background(), w, body, 0, time.Minute); err != nil {
		t.Fatal(err)
	}
	want := "id: 2\nevent: output\ndata: {\"offset\":0,\"text\":\"ü\"}\n\nid: 6\nevent: output\ndata: {\"offset\":2,\"text\":\"🎉\"}\n\nid: 6\nevent: end\ndata: {\"offset\":6}\n\n"
	if diff := cmp.Diff(want, recorder.Body.String()); diff != "" {
		t.Errorf("stream (-want +got):\n%s", diff)
	}
}

func TestOutputThatBreaksOffHasNoEnd(t *testing.T) {
	t.Parallel()
	broken := io.MultiReader(strings.NewReader("some"), iotest.ErrReader(errors.New("lost")))
	got, last, err := copied(t, io.NopCloser(broken), 0)
	if string(got) != "some" || last.Name != sse.OutputEvent || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %q, last event %q, %v; want no end and a broken connection", got, last.Name, err)
	}
}

func TestSilenceIsBrokenByComments(t *testing.T) {
	t.Parallel()
	read, write := io.Pipe()
	defer write.Close()
	got := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		out, err := sse.NewWriter(w)
		if err == nil {
			err = sse.CopyOutput(r.Context(), out, read, 0, time.Millisecond)
		}
		got <- err.Error()
	}))
	defer server.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := server.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	beat := make([]byte, len(": beat\n\n"))
	if _, err := io.ReadFull(response.Body, beat); err != nil || string(beat) != ": beat\n\n" {
		t.Errorf("got %q, %v", beat, err)
	}
	// A client that leaves ends the copying, although no byte ever comes.
	cancel()
	<-got
}

// FuzzReader asks that no stream makes the reader panic or return more than
// its bound.
func FuzzReader(f *testing.F) {
	f.Add([]byte("id: 1\nevent: x\ndata: y\n\n"))
	f.Add([]byte("data\r\rdata:\n\n:\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		events, err := all(bytes.NewReader(data))
		if err == nil {
			t.Error("got no end")
		}
		total := 0
		for _, e := range events {
			total += len(e.Data)
		}
		if total > len(data) {
			t.Errorf("got %d bytes of data out of %d", total, len(data))
		}
	})
}
