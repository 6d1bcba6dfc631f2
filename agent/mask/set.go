// SPDX-License-Identifier: MPL-2.0

package mask

import (
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// Mark is what stands in the place of a secret, whatever its length.
const Mark = "****************"

// MinLength is the fewest bytes of a value that is masked.
const MinLength = 4

// Set is a growing set of secrets. It may be used by several goroutines.
type Set struct {
	current atomic.Pointer[automaton] // nil while there is nothing to mask

	mu       sync.Mutex
	patterns map[string]struct{}
	total    int // bytes of all values
}

// NewSet returns a Set of values and their variants.
func NewSet(values ...string) *Set {
	s := &Set{patterns: make(map[string]struct{})}
	s.Add(values...)
	return s
}

// Add adds values. Writers heed them from the next byte they are given.
func (s *Set) Add(values ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := len(s.patterns)
	for _, value := range values {
		s.total += len(value)
		addVariants(s.patterns, value, len(value) > longValue || s.total > allValues)
	}
	if len(s.patterns) > known {
		s.current.Store(compile(slices.Sorted(maps.Keys(s.patterns))))
	}
}

// String returns text with its secrets replaced.
func (s *Set) String(text string) string {
	if s.current.Load() == nil || text == "" {
		return text
	}
	var out strings.Builder
	w := s.Writer(&out)
	io.WriteString(w, text) // a strings.Builder takes everything
	w.Flush()
	return out.String()
}

// Writer returns a Writer for one stream that passes on to dst.
func (s *Set) Writer(dst io.Writer) *Writer {
	return &Writer{set: s, dst: dst}
}
