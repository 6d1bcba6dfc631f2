// SPDX-License-Identifier: MPL-2.0

package pipe_test

import (
	"bufio"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/pipe"
)

func open(t *testing.T, address string, body io.Reader) (io.ReadWriteCloser, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, body)
	if err != nil {
		t.Fatal(err)
	}
	pipe.Ask(r)
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	return pipe.Opened(answer)
}

// TestThroughAMiddle has one server ask another, as the gateway does.
func TestThroughAMiddle(t *testing.T) {
	t.Parallel()
	echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		conn, err := pipe.Accept(w)
		if err != nil || !pipe.Asked(r) {
			t.Errorf("accepting: %v", err)
			return
		}
		defer conn.Close()
		io.WriteString(conn, "hello "+string(text)+"\n")
		io.Copy(conn, conn)
	}))
	defer echo.Close()
	ended := make(chan struct{})
	middle := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(ended)
		there, err := open(t, echo.URL, r.Body)
		if err != nil {
			t.Error(err)
			return
		}
		here, err := pipe.Accept(w)
		if err != nil {
			t.Error(err)
			return
		}
		pipe.Join(here, there)
	}))
	defer middle.Close()
	conn, err := open(t, middle.URL, strings.NewReader("ada"))
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(conn, "one\ntwo\n")
	lines := bufio.NewScanner(conn)
	for _, want := range []string{"hello ada", "one", "two"} {
		if !lines.Scan() || lines.Text() != want {
			t.Errorf("got %q, %v, want %q", lines.Text(), lines.Err(), want)
		}
	}
	conn.Close()
	<-ended // both sides of the middle are over when the client is
}

func TestAnAnswerThatIsNone(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "a page") }))
	defer s.Close()
	if conn, err := open(t, s.URL, nil); core.ErrorCode(err) != core.CodeUnavailable || conn != nil {
		t.Errorf("got %v", err)
	}
}
