// SPDX-License-Identifier: MPL-2.0

package lsp

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/textproto"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/muster-ci/muster/internal/check"
)

// editor speaks to a server over pipes, in the protocol's own framing.
type editor struct {
	t           *testing.T
	out         io.WriteCloser
	answers     chan message
	diagnostics chan publishParams
	ended       chan error
	id          int
}

type message struct {
	ID     *int            `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  json.RawMessage `json:"error"`
}

func start(t *testing.T, debounce time.Duration) *editor { return startWith(t, debounce, nil) }

func startWith(t *testing.T, debounce time.Duration, registry check.Registry) *editor {
	in, toServer := io.Pipe()
	fromServer, out := io.Pipe()
	e := &editor{t: t, out: toServer, answers: make(chan message, 10), diagnostics: make(chan publishParams, 100), ended: make(chan error, 1)}
	ctx, cancel := context.WithCancel(t.Context())
	s := New(Config{Debounce: debounce}, Deps{Logger: hclog.NewNullLogger(), Registry: registry})
	go func() { e.ended <- s.Run(ctx, in, out) }()
	go e.read(bufio.NewReader(fromServer))
	t.Cleanup(func() {
		cancel()
		_ = toServer.Close()
		_ = fromServer.Close()
	})
	e.call("initialize", `{"capabilities":{"textDocument":{"publishDiagnostics":{"relatedInformation":true}}}}`, nil)
	e.notify("initialized", `{}`)
	return e
}

func (e *editor) read(r *bufio.Reader) {
	for {
		head, err := textproto.NewReader(r).ReadMIMEHeader()
		if err != nil {
			return
		}
		size, _ := strconv.Atoi(head.Get("Content-Length"))
		data := make([]byte, size)
		if _, err := io.ReadFull(r, data); err != nil {
			return
		}
		var m message
		if json.Unmarshal(data, &m) != nil {
			return
		}
		if m.Method != "textDocument/publishDiagnostics" {
			e.answers <- m
			continue
		}
		var p publishParams
		if json.Unmarshal(m.Params, &p) == nil {
			e.diagnostics <- p
		}
	}
}

func (e *editor) send(text string) {
	if _, err := fmt.Fprintf(e.out, "Content-Length: %d\r\n\r\n%s", len(text), text); err != nil {
		e.t.Error(err)
	}
}

func (e *editor) notify(method, params string) {
	e.send(fmt.Sprintf(`{"jsonrpc":"2.0","method":%q,"params":%s}`, method, params))
}

func (e *editor) call(method, params string, result any) {
	e.t.Helper()
	e.id++
	e.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":%q,"params":%s}`, e.id, method, params))
	m := <-e.answers
	if m.ID == nil || *m.ID != e.id || len(m.Error) > 0 {
		e.t.Fatalf("%s: %+v %s", method, m, m.Error)
	}
	if result != nil {
		if err := json.Unmarshal(m.Result, result); err != nil {
			e.t.Fatal(err)
		}
	}
}

func quoted(text string) string {
	data, _ := json.Marshal(text)
	return string(data)
}

func (e *editor) open(uri, text string) {
	e.notify("textDocument/didOpen", fmt.Sprintf(`{"textDocument":{"uri":%q,"languageId":"yaml","version":1,"text":%s}}`, uri, quoted(text)))
}

func (e *editor) change(uri string, version int, text string) {
	e.notify("textDocument/didChange", fmt.Sprintf(`{"textDocument":{"uri":%q,"version":%d},"contentChanges":[{"text":%s}]}`, uri, version, quoted(text)))
}

// openAt opens a text in which ^ marks the cursor and returns the parameters of
// a request about that place.
func (e *editor) openAt(uri, marked string) string {
	before, after, ok := strings.Cut(marked, "^")
	if !ok {
		e.t.Fatal("no cursor in the text")
	}
	e.open(uri, before+after)
	line := strings.Count(before, "\n")
	return fmt.Sprintf(`{"textDocument":{"uri":%q},"position":{"line":%d,"character":%d}}`, uri, line, len(before)-strings.LastIndex(before, "\n")-1)
}

const (
	yamlURI = "file:///repository/.circleci/config.yml"
	hclURI  = "file:///repository/.muster/pipeline.hcl"
)

func TestDiagnostics(t *testing.T) {
	t.Parallel()
	for uri, text := range map[string]string{
		yamlURI: "version: 2.1\njobs:\n  build:\n    machine: true\n    environment: {ü: \"😀\", x: {}}\n    steps: [chekout]\nworkflows: {all: {jobs: [build]}}\n",
		hclURI:  "job \"build\" {\n  machine = true\n  step \"chekout\" {}\n}\nworkflow \"all\" {\n  job \"build\" {}\n}\n",
	} {
		e := start(t, 0)
		e.open(uri, text)
		p := <-e.diagnostics
		last := p.Diagnostics[len(p.Diagnostics)-1]
		if p.URI != uri || p.Version != 1 || !strings.Contains(last.Message, "chekout") || last.Severity != severityError {
			t.Errorf("%s: %+v", uri, p)
		}
		if len(last.Related) != 1 || !strings.Contains(last.Related[0].Message, "checkout") {
			t.Errorf("%s: no suggestion beside it: %+v", uri, last)
		}
		if uri == yamlURI { // after a character of two UTF-16 units
			if at := p.Diagnostics[0].Range.Start; at != (position{4, 30}) {
				t.Errorf("the column is not the editor's: %+v", p.Diagnostics[0])
			}
			if last.Range != (span{position{5, 12}, position{5, 19}}) {
				t.Errorf("the range is not the word: %+v", last.Range)
			}
		}
		e.change(uri, 2, strings.NewReplacer("chekout", "checkout", ", x: {}", "").Replace(text))
		for p = <-e.diagnostics; p.Version != 2; p = <-e.diagnostics {
		}
		for _, d := range p.Diagnostics {
			if d.Severity == severityError {
				t.Errorf("%s: %+v", uri, d)
			}
		}
		e.notify("textDocument/didClose", fmt.Sprintf(`{"textDocument":{"uri":%q}}`, uri))
		if p = <-e.diagnostics; len(p.Diagnostics) != 0 {
			t.Errorf("a closed text keeps %+v", p)
		}
	}
}

// TestNewerTextCancels: of two changes in a row only the last is compiled.
func TestNewerTextCancels(t *testing.T) {
	t.Parallel()
	e := start(t, 50*time.Millisecond)
	e.open(yamlURI, "version: 1")
	e.change(yamlURI, 2, "version: 1.5")
	e.change(yamlURI, 3, "jobs: [")
	if p := <-e.diagnostics; p.Version != 3 {
		t.Errorf("version %d was compiled", p.Version)
	}
}

func TestOrbsWithoutRegistryAreWarnings(t *testing.T) {
	t.Parallel()
	e := start(t, 0)
	e.open(yamlURI, "version: 2.1\norbs: {go: acme/go@1}\njobs: {a: {machine: true, steps: [go/test]}}\nworkflows: {w: {jobs: [a]}}\n")
	p := <-e.diagnostics
	if len(p.Diagnostics) != 1 || p.Diagnostics[0].Severity != severityWarning {
		t.Errorf("%+v", p)
	}
}

// TestExitEndsTheServer: shutdown is answered, exit ends Run without an error.
func TestExitEndsTheServer(t *testing.T) {
	t.Parallel()
	e := start(t, time.Hour)
	e.open(yamlURI, "version: 2.1")
	e.call("shutdown", "null", nil)
	e.notify("exit", "null")
	if err := <-e.ended; err != nil {
		t.Error(err)
	}
}
