// SPDX-License-Identifier: MPL-2.0

package lsp

import (
	"context"
	"net/url"
	"path/filepath"
	"strings"
	"sync"

	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/muster-ci/muster/hcl/pipeline"
	"github.com/muster-ci/muster/internal/config/document"
)

// Limits of what is kept for an editor.
const (
	maxOpen  = 200     // texts
	maxBytes = 1 << 20 // of a text; of a longer one only its length is told
)

// text is an open file as it is at present. It does not change: a newer one
// takes its place.
type text struct {
	uri, path string
	version   int
	whole     string
	lines     []string
	inHCL     bool
	// root is the newest tree of this file that could be parsed, perhaps of an
	// older text: names are offered while a line is half written. May be nil.
	root *document.Node
	body *hclsyntax.Body // the same of a file in HCL, of which a part suffices
	// fresh says that the tree is of this text.
	fresh  bool
	cancel context.CancelFunc
}

type store struct {
	mu    sync.Mutex
	texts map[string]*text
}

func newStore() *store { return &store{texts: map[string]*text{}} }

// get returns an open text, nil when there is none.
func (s *store) get(uri string) *text {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.texts[uri]
}

// put makes a text the newest and cancels what is done for the one before.
// false: too many are open.
func (s *store) put(t *text) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.texts[t.uri]
	if old == nil && len(s.texts) >= maxOpen {
		return false
	}
	if old != nil {
		old.cancel()
		if t.root == nil {
			t.root = old.root
		}
		if t.body == nil {
			t.body = old.body
		}
	}
	s.texts[t.uri] = t
	return true
}

func (s *store) remove(uri string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.texts[uri]; old != nil {
		old.cancel()
	}
	delete(s.texts, uri)
}

// clear forgets all texts and cancels what is done for them.
func (s *store) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for uri, t := range s.texts {
		t.cancel()
		delete(s.texts, uri)
	}
}

func newText(d textDocument, cancel context.CancelFunc) *text {
	t := &text{uri: d.URI, path: pathOf(d.URI), version: d.Version, whole: d.Text, cancel: cancel}
	t.inHCL = pipeline.Handles(t.path)
	if len(t.whole) > maxBytes {
		return t
	}
	t.lines = strings.Split(strings.ReplaceAll(t.whole, "\r\n", "\n"), "\n")
	if t.inHCL {
		t.body = pipeline.Parse(t.path, t.whole)
		t.fresh = t.body != nil
		return t
	}
	if root, err := document.Parse(t.whole, document.Limits{}); err == nil {
		t.root, t.fresh = root, true
	}
	return t
}

// pathOf returns the path of a file's URI, the URI itself where it is of
// another kind.
func pathOf(uri string) string {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "file" {
		return uri
	}
	return filepath.FromSlash(u.Path)
}
