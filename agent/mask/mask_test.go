// SPDX-License-Identifier: MPL-2.0

package mask

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"os/exec"
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

// TestManyLongValuesCostBoundedMemory has more than fits with all variants.
func TestManyLongValuesCostBoundedMemory(t *testing.T) {
	t.Parallel()
	var values []string
	for i := range 40 {
		values = append(values, strings.Repeat(strings.Repeat(string(rune('A'+i)), 3)+"0123456789+/", 500))
	}
	total, patterns := 0, 0
	for _, v := range values {
		total += len(v)
	}
	s := NewSet(values...)
	for p := range s.patterns {
		patterns += len(p)
	}
	if most := 30*allValues + 8*total; patterns > most {
		t.Errorf("got %d bytes of patterns for %d of values, want %d at most", patterns, total, most)
	}
	if got := masked(t, s, values[39]); got != Mark {
		t.Errorf("got %.80q", got)
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
