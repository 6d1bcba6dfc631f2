// SPDX-License-Identifier: MPL-2.0

package lsp

import (
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
)

// FuzzPlaces asks everything about any place of any text: no answer breaks the
// server.
func FuzzPlaces(f *testing.F) {
	f.Add(inYAML, false, 20, 10)
	f.Add(inHCL, true, 14, 40)
	f.Add("- : [\n  -", false, 1, 3)
	f.Add("a: 1", false, 99, -1)
	f.Fuzz(func(t *testing.T, whole string, inHCL bool, line, character int) {
		uri := yamlURI
		if inHCL {
			uri = hclURI
		}
		s := New(Default(), Deps{Logger: hclog.NewNullLogger()})
		d := textDocument{URI: uri, Text: whole}
		if !s.store.put(newText(d, func() {})) {
			t.Fatal("refused")
		}
		p := positionParams{TextDocument: d, Position: position{line, character}}
		if _, err := s.hover(t.Context(), p); err != nil {
			t.Error(err)
		}
		if _, err := s.definition(t.Context(), p); err != nil {
			t.Error(err)
		}
		if _, err := s.completion(t.Context(), p); err != nil {
			t.Error(err)
		}
	})
}

// TestFrames: the spelling of the content type does not matter, the size does.
func TestFrames(t *testing.T) {
	t.Parallel()
	in := "Content-Type: application/vscode-jsonrpc; charset=utf8\r\ncontent-length: 2\r\n\r\n{}Content-Length: 99999999\r\n\r\n"
	frames := newFrames(strings.NewReader(in), nil)
	if got, err := frames.Recv(); err != nil || string(got) != "{}" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := frames.Recv(); err == nil || !strings.Contains(err.Error(), "limit") {
		t.Errorf("a message of 99999999 bytes is read: %v", err)
	}
	if _, err := newFrames(strings.NewReader(strings.Repeat("x", 1<<20)), nil).Recv(); err == nil {
		t.Error("a head without end is read")
	}
}
