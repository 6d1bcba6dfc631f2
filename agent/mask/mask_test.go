// SPDX-License-Identifier: MPL-2.0

package mask

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// masked writes the pieces one by one and returns all that came out.
func masked(t testing.TB, s *Set, pieces ...string) string {
	t.Helper()
	var out strings.Builder
	w := s.Writer(&out)
	for _, p := range pieces {
		if n, err := w.Write([]byte(p)); n != len(p) || err != nil {
			t.Fatalf("Write(%q) returned %d, %v", p, n, err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestSecretsAreReplaced(t *testing.T) {
	t.Parallel()
	const secret = "s3cr3t/Va+lue&\"x'"
	s := NewSet(secret, "abcd", "cdef", "first line\nsecond line\n", "tru", "true", "False")
	for name, c := range map[string]struct{ in, want string }{
		"nothing":          {"an ordinary line\n", "an ordinary line\n"},
		"alone":            {secret, Mark},
		"in a line":        {"a " + secret + " b\n", "a " + Mark + " b\n"},
		"twice":            {secret + " " + secret, Mark + " " + Mark},
		"overlapping":      {"xabcdefx", "x" + Mark + "x"},
		"touching":         {"abcdabcd", Mark},
		"beginning of one": {"abc", "abc"},
		"short and true":   {"tru true True False false", "tru true True False false"},
		"a line of it":     {"> second line <", "> " + Mark + " <"},
		"all of it, CRLF":  {"first line\r\nsecond line\r\n", Mark},
		"rewritten":        {"ab\rcd\n", Mark + "\n"},
		"coloured":         {"\x1b[31ma\x1b[1mb\x1b[0mcd\x1b[m\n", "\x1b[31m" + Mark + "\x1b[m\n"},
		"character sets":   {"a\x1b(Bbcd", Mark},
		"in a title":       {"\x1b]0;abcd\a", "\x1b]0;" + Mark + "\a"},
		"in a sequence":    {"\x1b[0mabc\x1b[0", "\x1b[0mabc\x1b[0"},
		"begins anew":      {"ababcd", "ab" + Mark},
	} {
		if got := masked(t, s, c.in); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

// TestEncodingsAreReplaced hides a secret in what other programs make of it.
func TestEncodingsAreReplaced(t *testing.T) {
	t.Parallel()
	const secret = "pa$$ w<or>d/with+\"all\" 'kinds' & of\\chars%"
	s := NewSet(secret)
	std, enc := base64.StdEncoding.EncodeToString, base64.URLEncoding.EncodeToString
	marshalled, err := json.Marshal(map[string]string{"key": secret})
	if err != nil {
		t.Fatal(err)
	}
	quoted, err := exec.Command("bash", "-c", `printf '%q\n%s\n' "$1" "${1@Q}"`, "bash", secret).Output()
	if err != nil {
		t.Fatal(err)
	}
	quotings := strings.Split(strings.TrimSpace(string(quoted)), "\n")
	for name, in := range map[string]string{
		"base64":         std([]byte(secret)),
		"base64 newline": std([]byte(secret + "\n")),
		"base64 url":     enc([]byte(secret)),
		"double base64":  std([]byte(std([]byte(secret)))),
		"hex":            hex.EncodeToString([]byte(secret)),
		"HEX":            strings.ToUpper(hex.EncodeToString([]byte(secret))),
		"query":          url.QueryEscape(secret),
		"path":           url.PathEscape(secret),
		"lower query":    strings.NewReplacer("%3C", "%3c", "%3E", "%3e", "%2F", "%2f", "%2B", "%2b", "%5C", "%5c").Replace(url.QueryEscape(secret)),
		"json":           string(marshalled),
		"printf %q":      quotings[0],
		"${x@Q}":         quotings[1],
		"xml":            "pa$$ w&lt;or&gt;d/with+&quot;all&quot; &apos;kinds&apos; &amp; of\\chars%",
	} {
		got := masked(t, s, "<"+in+">")
		if !strings.Contains(got, Mark) || len(got) > len(Mark)+16 {
			t.Errorf("%s: %q became %q", name, in, got)
		}
	}
}

// TestBase64AtEveryShift asks that no run of digits which depends on the secret
// alone gets through, wherever the secret stands in what is encoded.
func TestBase64AtEveryShift(t *testing.T) {
	t.Parallel()
	const secret = "correct-horse-battery"
	s := NewSet(secret)
	for shift := range 9 {
		for _, e := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
			text := strings.Repeat("\xff", shift) + secret + "\xfe\xfe\xfe"
			once := e.EncodeToString([]byte(text))
			twice := base64.StdEncoding.EncodeToString([]byte(once))
			for _, in := range []string{once, twice} {
				if got := masked(t, s, in); !strings.Contains(got, Mark) {
					t.Errorf("shift %d: %q became %q", shift, in, got)
				}
			}
		}
	}
}

func TestWrappedBase64(t *testing.T) {
	t.Parallel()
	secret := strings.Repeat("0123456789abcdef", 12)
	encoded := base64.StdEncoding.EncodeToString([]byte(secret))
	s := NewSet(secret)
	for _, width := range []int{64, 76} {
		var in strings.Builder
		for rest := encoded; rest != ""; {
			n := min(width, len(rest))
			in.WriteString(rest[:n] + "\n")
			rest = rest[n:]
		}
		for line := range strings.Lines(masked(t, s, in.String())) {
			if strings.TrimSpace(line) != Mark {
				t.Errorf("width %d: got line %q", width, line)
			}
		}
	}
}

// TestPromptsAppearAtOnce looks at what has come out before the stream ends.
func TestPromptsAppearAtOnce(t *testing.T) {
	t.Parallel()
	s := NewSet("Passphrase-of-the-key", "tokentoken")
	for _, c := range []struct{ in, want string }{
		{"Password: ", "Password: "},
		{"Enter Pass", "Enter "},
		{"done\n", "done\n"},
		{"token", ""},
		{"token\n", "token\n"},
		{"50%\r", "50%\r"},
		{"\x1b[32mok!\x1b[0m", "\x1b[32mok!\x1b[0m"},
		{"tokentoken", Mark},
	} {
		var out strings.Builder
		w := s.Writer(&out)
		w.Write([]byte(c.in))
		if got := out.String(); got != c.want {
			t.Errorf("%q: got %q at once, want %q", c.in, got, c.want)
		}
	}
}

func TestAddingWhileWriting(t *testing.T) {
	t.Parallel()
	s := NewSet()
	var out strings.Builder
	w := s.Writer(&out)
	for _, step := range []struct{ add, write string }{
		{"", "first-one second-one\n"},
		{"first-one", "first-one second-one\nfirst-"},
		{"second-one", "one second-one\n"},
	} {
		if step.add != "" {
			s.Add(step.add)
		}
		w.Write([]byte(step.write))
	}
	w.Flush()
	want := "first-one second-one\n" + Mark + " second-one\n" + Mark + " " + Mark + "\n"
	if got := out.String(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestUnseenBytesAreNotHeldForEver(t *testing.T) {
	t.Parallel()
	s := NewSet("abcdefgh")
	w := s.Writer(&strings.Builder{})
	w.Write([]byte("abcd"))
	for range 100 {
		w.Write([]byte(strings.Repeat("\r", 1000)))
	}
	if got := len(w.buf); got > maxUnseen+100 {
		t.Errorf("%d bytes are held", got)
	}
}

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
	slices.Sort(patterns)
	s.current.Store(compile(slices.Compact(patterns)))
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
