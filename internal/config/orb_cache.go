// SPDX-License-Identifier: MPL-2.0

package config

import (
	"container/list"
	"sync"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/config/document"
)

// OrbCache keeps orbs between compilations, so that a source is parsed and
// checked once: by digest, which names a source for ever. It also knows which
// source an exact version is, by organization, since a registry never gives a
// released version another one. It is safe for concurrent use; the least
// recently used goes first.
type OrbCache struct {
	mu      sync.Mutex
	most    int
	size    int
	entries map[orbCacheKey]*list.Element
	recent  *list.List // of *orbCacheEntry
}

type orbCacheKey struct {
	kind         string // "source", "checked", "exact"
	organization core.OrganizationID
	name         string
}

type orbCacheEntry struct {
	key   orbCacheKey
	value any
	size  int
}

// NewOrbCache makes a cache of about so many bytes of memory.
func NewOrbCache(bytes int) *OrbCache {
	return &OrbCache{most: bytes, entries: map[orbCacheKey]*list.Element{}, recent: list.New()}
}

// Sizes that a cache counts with: a parsed value is a node of the YAML tree
// with its share of lists.
const (
	valueSize = 300
	smallSize = 500
)

func (c *OrbCache) get(key orbCacheKey) any {
	c.mu.Lock()
	defer c.mu.Unlock()
	element := c.entries[key]
	if element == nil {
		return nil
	}
	c.recent.MoveToFront(element)
	return element.Value.(*orbCacheEntry).value
}

// put adds a value, unless there is one already, and returns the one that is
// there now.
func (c *OrbCache) put(key orbCacheKey, value any, size int) any {
	c.mu.Lock()
	defer c.mu.Unlock()
	if element := c.entries[key]; element != nil {
		c.recent.MoveToFront(element)
		return element.Value.(*orbCacheEntry).value
	}
	c.entries[key] = c.recent.PushFront(&orbCacheEntry{key: key, value: value, size: size})
	c.size += size
	for c.size > c.most && c.recent.Len() > 0 {
		oldest := c.recent.Remove(c.recent.Back()).(*orbCacheEntry)
		delete(c.entries, oldest.key)
		c.size -= oldest.size
	}
	return value
}

// source returns a source that was read before, nil when there is none.
func (c *OrbCache) source(digest string) *orbSource {
	if read, ok := c.get(orbCacheKey{kind: "source", name: digest}).(func() *orbSource); ok {
		return read()
	}
	return nil
}

// read returns the source of a text whose digest the caller has checked and
// which it has measured. Those who ask for one at the same time wait for
// one to read it.
func (c *OrbCache) read(digest, text string, measured document.Size, limits document.Limits) *orbSource {
	once := sync.OnceValue(func() *orbSource { return readOrbSource(digest, text, measured, limits) })
	size := smallSize + len(text) + valueSize*measured.Values
	return c.put(orbCacheKey{kind: "source", name: digest}, once, size).(func() *orbSource)()
}

func (c *OrbCache) checked(print string) *checkedOrb {
	checked, _ := c.get(orbCacheKey{kind: "checked", name: print}).(*checkedOrb)
	return checked
}

func (c *OrbCache) keepChecked(print string, checked *checkedOrb) {
	c.put(orbCacheKey{kind: "checked", name: print}, checked, smallSize*(1+len(checked.problems.errors)))
}

func (c *OrbCache) exact(organization core.OrganizationID, ref string) (core.LockedOrb, bool) {
	locked, ok := c.get(orbCacheKey{kind: "exact", organization: organization, name: ref}).(core.LockedOrb)
	return locked, ok
}

func (c *OrbCache) keepExact(organization core.OrganizationID, ref string, locked core.LockedOrb) {
	c.put(orbCacheKey{kind: "exact", organization: organization, name: ref}, locked, smallSize)
}
