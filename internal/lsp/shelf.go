// SPDX-License-Identifier: MPL-2.0

package lsp

import (
	"context"
	"slices"
	"sync"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/check"
	"github.com/muster-ci/muster/internal/config"
	"github.com/muster-ci/muster/internal/config/document"
)

// maxShelf is how much text of orbs is kept for names; parsed it takes several
// times that.
const maxShelf = 4 << 20

// shelf keeps the orbs that compilations had from the registry, so that their
// names can be offered without asking for them again. Sources are found by the
// reference that a config writes.
type shelf struct {
	registry check.Registry
	mu       sync.Mutex
	size     int
	roots    map[string]*document.Node
	cache    *config.OrbCache
}

func newShelf(registry check.Registry) *shelf {
	return &shelf{registry: registry, roots: map[string]*document.Node{}, cache: config.NewOrbCache(orbCacheBytes)}
}

// request is a compilation whose orbs land on the shelf.
func (s *shelf) request(path, text string) check.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := check.Request{Path: path, Text: text, Cache: s.cache}
	if s.registry != nil {
		r.Registry = s
	}
	return r
}

// OrbSource asks the registry and keeps what it says.
func (s *shelf) OrbSource(ctx context.Context, namespace, orb, version string) (core.ResolvedOrb, error) {
	resolved, err := s.registry.OrbSource(ctx, namespace, orb, version)
	if err != nil {
		return resolved, err
	}
	if root, err := document.Parse(resolved.Source, document.Limits{}); err == nil {
		s.keep(namespace+"/"+orb+"@"+version, root, len(resolved.Source))
	}
	return resolved, nil
}

// keep puts an orb on the shelf. A full one is emptied together with the cache,
// which otherwise would answer for orbs that are not on the shelf.
func (s *shelf) keep(ref string, root *document.Node, size int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.size+size > maxShelf {
		s.size, s.roots, s.cache = 0, map[string]*document.Node{}, config.NewOrbCache(orbCacheBytes)
	}
	if s.roots[ref] == nil {
		s.size += size
	}
	s.roots[ref] = root
}

// orb returns the orb that a reference means, nil when it is not known.
func (s *shelf) orb(ref string) *document.Node {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.roots[ref]
}

// whole returns a config, or an orb in one, with the known orbs in the place of
// the references to them. Places in those are of another text.
func (s *shelf) whole(root *document.Node) *document.Node {
	orbs := root.Get("orbs")
	if orbs == nil || orbs.Kind != document.Map {
		return root
	}
	filled := *orbs
	filled.Items = slices.Clone(orbs.Items)
	for i, n := range orbs.Items {
		switch {
		case n.Kind == document.Map:
			filled.Items[i] = s.whole(n)
		case n.Kind == document.String:
			if known := s.orb(n.Text); known != nil {
				filled.Items[i] = known
			}
		}
	}
	copied := *root
	copied.Items = slices.Clone(root.Items)
	copied.Items[root.Find("orbs")] = &filled
	return &copied
}
