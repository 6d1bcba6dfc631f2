// SPDX-License-Identifier: MPL-2.0

package workload

import (
	"crypto/sha256"
	"sync"
	"time"
)

const (
	cacheSize = 4096
	// cacheAge bounds how long a token outlives the withdrawal of its key.
	cacheAge = 5 * time.Minute
)

// cache remembers verified tokens, since an RSA check costs some 30 µs and an
// agent shows the same token for hours. Tokens are kept as digests only.
type cache struct {
	mu      sync.Mutex
	entries map[[sha256.Size]byte]cacheEntry
}

type cacheEntry struct {
	claims Claims
	until  time.Time
}

func newCache() *cache {
	return &cache{entries: make(map[[sha256.Size]byte]cacheEntry)}
}

func (c *cache) get(token string, now time.Time) (Claims, bool) {
	digest := sha256.Sum256([]byte(token))
	c.mu.Lock()
	defer c.mu.Unlock()
	entry, ok := c.entries[digest]
	if !ok || !now.Before(entry.until) {
		return Claims{}, false
	}
	return entry.claims, true
}

func (c *cache) put(token string, claims Claims, now time.Time) {
	until := now.Add(cacheAge)
	if !claims.ExpiresAt.IsZero() && claims.ExpiresAt.Before(until) {
		until = claims.ExpiresAt
	}
	digest := sha256.Sum256([]byte(token))
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.entries) >= cacheSize {
		c.makeRoom(now)
	}
	c.entries[digest] = cacheEntry{claims: claims, until: until}
}

// makeRoom drops what has ended, and failing that everything: verifying again
// is cheap, and bookkeeping for a better choice would cost every lookup.
func (c *cache) makeRoom(now time.Time) {
	for digest, entry := range c.entries {
		if !now.Before(entry.until) {
			delete(c.entries, digest)
		}
	}
	if len(c.entries) >= cacheSize {
		clear(c.entries)
	}
}
