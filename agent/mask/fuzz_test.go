// SPDX-License-Identifier: MPL-2.0

package mask

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// reference masks the slow and obvious way: it marks every occurrence in the
// text and in what is seen of it.
func reference(patterns []string, text string) string {
	hidden := make([]bool, len(text))
	mark := func(seen string, at []int) {
		for _, p := range patterns {
			for i := 0; i+len(p) <= len(seen); i++ {
				if seen[i:i+len(p)] == p {
					for k := at[i]; k <= at[i+len(p)-1]; k++ {
						hidden[k] = true
					}
				}
			}
		}
	}
	var all, visible []int
	var seen strings.Builder
	var e escape
	for i := range len(text) {
		all = append(all, i)
		if !e.feed(text[i]) {
			visible = append(visible, i)
			seen.WriteByte(text[i])
		}
	}
	mark(text, all)
	mark(seen.String(), visible)
	var out strings.Builder
	for i := range len(text) {
		if !hidden[i] {
			out.WriteByte(text[i])
		} else if i == 0 || !hidden[i-1] {
			out.WriteString(Mark)
		}
	}
	return out.String()
}

// ofPatterns returns a Set of just these patterns, without variants.
func ofPatterns(patterns []string) *Set {
	s := &Set{patterns: make(map[string]struct{})}
	// A copy: Compact clears what it leaves over, and the caller goes on to use it.
	s.current.Store(compile(slices.Compact(slices.Sorted(slices.Values(patterns)))))
	return s
}

// checkAgainstReference writes text whole, byte by byte, and cut at every
// offset.
func checkAgainstReference(t *testing.T, patterns []string, text string) {
	t.Helper()
	s := ofPatterns(patterns)
	want := reference(patterns, text)
	if got := masked(t, s, text); got != want {
		t.Fatalf("patterns %q\ntext %q\ngot  %q\nwant %q", patterns, text, got, want)
	}
	if got := masked(t, s, strings.Split(text, "")...); got != want && len(text) == len([]rune(text)) {
		t.Fatalf("byte by byte: patterns %q\ntext %q\ngot  %q\nwant %q", patterns, text, got, want)
	}
	for cut := 1; cut < len(text); cut++ {
		if got := masked(t, s, text[:cut], text[cut:]); got != want {
			t.Fatalf("cut at %d: patterns %q\ntext %q\ngot  %q\nwant %q", cut, patterns, text, got, want)
		}
	}
}

// usable keeps of candidates what a Set would take for patterns.
func usable(candidates []string) []string {
	var patterns []string
	for _, p := range candidates {
		if p = strip(p); worthMasking(p) {
			patterns = append(patterns, p)
		}
	}
	return patterns
}

// TestRandomTextsAgreeWithTheReference uses few letters, so that patterns
// begin, overlap and break off all the time.
func TestRandomTextsAgreeWithTheReference(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	pick := func(alphabet []string, n int) string {
		var b strings.Builder
		for range n {
			b.WriteString(alphabet[random.IntN(len(alphabet))])
		}
		return b.String()
	}
	secrets := []string{"a", "b", "c", "\n", "1", "m"}
	texts := append(secrets, "a", "b", "\r", "\r\n", "\x1b[1m", "\x1b[1", "\x1b(B", "\x1b", "[", "abab", "  some ordinary words ")
	for range 3000 {
		var patterns []string
		for range 1 + random.IntN(4) {
			patterns = append(patterns, pick(secrets, 4+random.IntN(9)))
		}
		text := pick(texts, random.IntN(30))
		if random.IntN(2) == 0 {
			text += patterns[0][:3] + "\r" + patterns[0][3:] + pick(texts, 5)
		}
		checkAgainstReference(t, usable(patterns), text)
	}
}

// FuzzWriter asks that any text comes out as the reference has it, cut at every
// offset.
func FuzzWriter(f *testing.F) {
	f.Add("abcd|cdef", "xabcdefx")
	f.Add("aaaa|aaaaaaaab", "aaaaaaaaaaaaaaab")
	f.Add("first\nsecond", "first\r\nsecond\r\n")
	f.Add("hello", "he\x1b[31mllo \x1b[hello")
	f.Add("1234|[123", "\x1b[1234m\x1b[123")
	f.Add("mbxyz", "m\x1b[1mbxyz")
	f.Fuzz(func(t *testing.T, secrets, text string) {
		patterns := usable(strings.Split(secrets, "|"))
		if len(text) > 200 || len(secrets) > 200 || len(patterns) == 0 {
			return
		}
		checkAgainstReference(t, patterns, text)
	})
}

// FuzzNoLeak asks that a secret never comes out as it went in, in any of its
// encodings.
func FuzzNoLeak(f *testing.F) {
	f.Add("correct-horse", "the password is correct-horse\n", 5)
	f.Add("line one\nline two", "x", 0)
	f.Fuzz(func(t *testing.T, secret, text string, cut int) {
		if len(secret) > 100 || len(text) > 400 || strings.ContainsAny(secret, "*\r\x1b") || !worthMasking(secret) {
			return
		}
		s := NewSet(secret)
		encoded := base64.StdEncoding.EncodeToString([]byte(secret))
		text = fmt.Sprintf("%s%s%s %x %s\n", text, secret, text, secret, encoded)
		cut = min(max(cut, 0), len(text))
		got := masked(t, s, text[:cut], text[cut:])
		for _, leak := range []string{secret, hex.EncodeToString([]byte(secret)), encoded} {
			if worthMasking(leak) && strings.Contains(got, leak) {
				t.Fatalf("%q shows in %q", leak, got)
			}
		}
	})
}
