// SPDX-License-Identifier: MPL-2.0

package output

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/sse"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/store/storetest"
)

// get asks a route for readers.
func (h *harness) get(path string, header http.Header) *http.Response {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	h.t.Cleanup(cancel)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, h.server.URL+path, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	request.Header.Set("Circle-Token", readerToken)
	for k, v := range header {
		request.Header[k] = v
	}
	response, err := h.server.Client().Do(request)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { response.Body.Close() })
	return response
}

func (a *agent) path(step int) string { return fmt.Sprintf("/output/%s/%d", a.id, step) }

func TestDownloadsAreRangesOfPlainText(t *testing.T) {
	t.Parallel()
	h := sqlite(t, Config{})
	a := h.claimed()
	a.run(0)
	data := []byte("<script>alert(1)</script>\n" + string(text(700<<10)))
	a.write(0, 0, data)
	check := func(rang string, status int, want []byte) {
		t.Helper()
		header := http.Header{}
		if rang != "" {
			header.Set("Range", rang)
		}
		response := h.get(a.path(0), header)
		got, err := io.ReadAll(response.Body)
		if err != nil || response.StatusCode != status || !bytes.Equal(got, want) {
			t.Errorf("range %q: got %d and %d bytes, %v; want %d and %d bytes", rang, response.StatusCode, len(got), err, status, len(want))
		}
		if kind := response.Header.Get("Content-Type"); kind != "text/plain; charset=utf-8" || response.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("range %q: got type %q and no nosniff", rang, kind)
		}
	}
	for _, when := range []string{"live", "sealed"} {
		check("", http.StatusOK, data)
		check("bytes=-100", http.StatusPartialContent, data[len(data)-100:])
		check("bytes=300000-300009", http.StatusPartialContent, data[300000:300010])
		check("bytes=262144-", http.StatusPartialContent, data[262144:])
		if when == "live" {
			a.finish(0)
			a.end()
			h.advance(10 * time.Minute)
			if got := a.seal().Phase; got != phasePruned {
				t.Fatalf("got phase %q, want pruned", got)
			}
		}
	}
	for path, want := range map[string]int{
		a.path(1): http.StatusNotFound, "/output/" + string(core.NewAttemptID()) + "/0": http.StatusNotFound,
		"/output/x'y/0": http.StatusNotFound, a.path(0) + "/stream?offset=-1": http.StatusBadRequest,
	} {
		if response := h.get(path, nil); response.StatusCode != want {
			t.Errorf("%s: got %d, want %d", path, response.StatusCode, want)
		}
	}
	for _, header := range []http.Header{{"Circle-Token": {"wrong"}}, {"Circle-Token": {""}}, {"Circle-Token": {""}, "Authorization": {"Bearer " + a.token}}} {
		for _, path := range []string{a.path(0), a.path(0) + "/stream"} {
			if response := h.get(path, header); response.StatusCode != http.StatusUnauthorized {
				t.Errorf("%s with %v: got %d, want 401", path, header, response.StatusCode)
			}
		}
	}
}

// readEvents appends the bytes of events to got until the end event, or until
// limit bytes are there, and returns whether the end came.
func readEvents(t *testing.T, body io.Reader, got *bytes.Buffer, limit int) bool {
	t.Helper()
	r := sse.NewReader(body)
	for got.Len() < limit {
		e, err := r.Next()
		if err != nil {
			t.Fatalf("reading events: %v", err)
		}
		o, err := sse.ParseOutput(e)
		if err != nil {
			t.Fatal(err)
		}
		if o.Offset != int64(got.Len()) {
			t.Fatalf("got an event of offset %d, want %d", o.Offset, got.Len())
		}
		got.Write(o.Bytes())
		if e.ID != strconv.Itoa(got.Len()) {
			t.Fatalf("got id %q behind %d bytes", e.ID, got.Len())
		}
		if e.Name == sse.EndEvent {
			return true
		}
	}
	return false
}

func TestStreamResumesAtAnyOffset(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "output", func(t *testing.T, open func() *store.DB) {
		h := newHarness(t, open, Config{})
		a := h.claimed()
		a.run(0)
		rng := rand.New(rand.NewPCG(7, 7))
		data := text(600 << 10)
		for i := range 4000 { // bytes that are no UTF-8, and runes that are cut anywhere
			data[rng.IntN(len(data))] = []byte{0xff, 0, '\r', 0xc3}[i%4]
		}
		copy(data[5000:], strings.Repeat("ü€🎉", 3000))
		written := make(chan struct{})
		go func() {
			defer close(written)
			for offset := 0; offset < len(data); {
				n := min(1+rng.IntN(30_000), len(data)-offset)
				a.write(0, int64(offset), data[offset:offset+n])
				offset += n
			}
			a.finish(0)
		}()
		var got bytes.Buffer
		resume := rand.New(rand.NewPCG(8, 8))
		for ended, n := false, 0; !ended; n++ {
			header, path := http.Header{}, a.path(0)+"/stream"
			if n%2 == 0 {
				header.Set("Last-Event-ID", strconv.Itoa(got.Len()))
				path += "?offset=3" // the id is newer than the address
			} else {
				path += "?offset=" + strconv.Itoa(got.Len())
			}
			response := h.get(path, header)
			ended = readEvents(t, response.Body, &got, got.Len()+1+resume.IntN(100_000))
			response.Body.Close()
		}
		<-written
		if !bytes.Equal(got.Bytes(), data) {
			t.Errorf("got %d bytes that differ from the %d written", got.Len(), len(data))
		}
	})
}

// follow reads a step from its beginning in the background.
func (a *agent) follow(step int) <-chan []byte {
	a.h.t.Helper()
	body, err := a.h.service.ReadOutput(context.Background(), core.OutputRange{Attempt: a.id, Step: step, Follow: true})
	if err != nil {
		a.h.t.Fatal(err)
	}
	out := make(chan []byte, 1)
	go func() {
		defer body.Close()
		data, err := io.ReadAll(body)
		if err != nil {
			a.h.t.Errorf("following: %v", err)
		}
		out <- data
	}()
	return out
}

func TestFollowEndsWithStepTaskOrAttempt(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "output", func(t *testing.T, open func() *store.DB) {
		h := newHarness(t, open, Config{})
		for name, end := range map[string]func(*agent){
			"step":    func(a *agent) { a.finish(0) },
			"task":    (*agent).end,
			"attempt": func(a *agent) { h.close(a.id) },
		} {
			a := h.claimed()
			a.run(0)
			got := a.follow(0)
			a.write(0, 0, []byte("some output\n"))
			end(a)
			if data := <-got; string(data) != "some output\n" {
				t.Errorf("%s: got %q", name, data)
			}
		}
	})
}

func (h *harness) close(id core.AttemptID) {
	h.t.Helper()
	if err := h.service.CloseAttempts(context.Background(), []core.AttemptClose{{Attempt: id, Status: core.JobInfrastructureFail}}); err != nil {
		h.t.Fatal(err)
	}
}

func TestReadersOfOtherInstancesFindOutByPolling(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "output", func(t *testing.T, open func() *store.DB) {
		h := newHarness(t, open, Config{})
		// A second instance on the same database that no hint ever reaches.
		other := newHarness(t, open, Config{Poll: 20 * time.Millisecond})
		a := h.claimed()
		a.run(0)
		there := *a
		there.h = other
		got := there.follow(0)
		a.write(0, 0, []byte("told to one, "))
		a.write(0, 13, []byte("read from another\n"))
		a.finish(0)
		if data := <-got; string(data) != "told to one, read from another\n" {
			t.Errorf("got %q", data)
		}
	})
}

func TestSlowReaderHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	h := sqlite(t, Config{})
	a := h.claimed()
	a.run(0)
	// Connected, and does not read a byte until the build is over.
	slow := h.get(a.path(0)+"/stream", nil)
	data := text(12 << 20)
	a.write(0, 0, data)
	a.finish(0)
	a.end()
	var got bytes.Buffer
	readEvents(t, slow.Body, &got, len(data)+1)
	if !bytes.Equal(got.Bytes(), data) {
		t.Errorf("the slow reader got %d bytes that differ from the %d written", got.Len(), len(data))
	}
}

func TestReadersEndWhenTheInstanceStops(t *testing.T) {
	t.Parallel()
	h := sqlite(t, Config{})
	a := h.claimed()
	a.run(0)
	body, err := h.service.ReadOutput(context.Background(), core.OutputRange{Attempt: a.id, Follow: true})
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	ended := make(chan error, 1)
	go func() {
		_, err := io.ReadAll(body)
		ended <- err
	}()
	h.kill()
	if err := <-ended; core.ErrorCode(err) != core.CodeUnavailable {
		t.Errorf("got %v, want unavailable: there may be more elsewhere", err)
	}
}

func TestInternalReadBreaksOffInsteadOfEndingEarly(t *testing.T) {
	t.Parallel()
	h := sqlite(t, Config{})
	a := h.claimed()
	a.run(0)
	a.write(0, 0, []byte("first"))
	request := func(body string) (*http.Response, error) {
		return h.server.Client().Post(h.server.URL+"/output/v1/read-output", "application/json", strings.NewReader(body))
	}
	response, err := request(fmt.Sprintf(`{"attempt_id":%q,"step":0,"offset":1,"follow":true}`, a.id))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	first := make([]byte, 4)
	if _, err := io.ReadFull(response.Body, first); err != nil || string(first) != "irst" {
		t.Fatalf("got %q, %v", first, err)
	}
	h.kill()
	if rest, err := io.ReadAll(response.Body); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %q and %v, want an unexpected end", rest, err)
	}
	h.start()
	for body, want := range map[string]int{
		fmt.Sprintf(`{"attempt_id":%q,"step":0,"offset":1,"limit":3}`, a.id):                  http.StatusOK,
		fmt.Sprintf(`{"attempt_id":%q,"step":7}`, a.id):                                       http.StatusNotFound,
		fmt.Sprintf(`{"attempt_id":%q,"step":0,"offset":-1}`, a.id):                           http.StatusBadRequest,
		fmt.Sprintf(`{"attempt_id":%q,"step":0,"limit":1,"follow":true}`, a.id):               http.StatusBadRequest,
		fmt.Sprintf(`{"attempt_id":%q,"step":0,"offset":900,"limit":9223372036854775}`, a.id): http.StatusOK,
		`nonsense`: http.StatusBadRequest,
	} {
		response, err := request(body)
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(response.Body)
		if err != nil || response.StatusCode != want || strings.Contains(body, `"limit":3`) && string(data) != "irs" {
			t.Errorf("%s: got %d %q, %v; want %d", body, response.StatusCode, data, err, want)
		}
		response.Body.Close()
	}
}
