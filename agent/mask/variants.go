// SPDX-License-Identifier: MPL-2.0

package mask

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
)

// Each variant costs about 20 bytes of memory per byte of its length, and all
// of them together are about 30 times the length of their value. So a value
// longer than longValue, and every value once all of them together are longer
// than allValues, gets only the commonest variants: itself, its lines, and
// encodings and escapes of it alone.
const (
	longValue = 8 << 10
	allValues = 128 << 10
)

// addVariants puts the forms of a value in which it may be printed into set;
// frugal leaves out the less common ones.
func addVariants(set map[string]struct{}, value string, frugal bool) {
	forms := []string{value, strings.TrimSpace(value), strings.Trim(strings.TrimSpace(value), `"'`)}
	if strings.ContainsAny(value, "\r\n") {
		for line := range strings.Lines(value) {
			forms = append(forms, strings.TrimSpace(line))
		}
	}
	for i, form := range forms {
		if !worthMasking(form) {
			continue
		}
		addPattern(set, form)
		if isLine := i > 2; isLine || frugal {
			addWrapped(set, base64.StdEncoding.EncodeToString([]byte(form)))
			addEscapes(set, form)
			continue
		}
		addBase64(set, form)
		addHex(set, form)
		addEscapes(set, form)
	}
}

// Maskable tells whether a value is masked at all, or would blacken half of any
// log.
func Maskable(value string) bool { return worthMasking(value) }

// worthMasking leaves out what would blacken half of any log.
func worthMasking(value string) bool {
	if len(value) < MinLength {
		return false
	}
	switch value {
	case "true", "True", "false", "False":
		return false
	}
	return true
}

// addPattern adds what the stripped view of a stream would show of a form: a
// Writer ignores carriage returns and escape sequences, so patterns have none.
func addPattern(set map[string]struct{}, form string) {
	if form = strip(form); worthMasking(form) {
		set[form] = struct{}{}
	}
}

// addBase64 adds the encodings of a form alone, and those of it at every
// position inside something else, once and twice encoded.
func addBase64(set map[string]struct{}, form string) {
	plain := []byte(form)
	for _, alone := range [][]byte{plain, append(plain[:len(plain):len(plain)], '\n')} {
		once := base64.StdEncoding.EncodeToString(alone)
		addWrapped(set, once)
		addPattern(set, base64.URLEncoding.EncodeToString(alone))
		addPattern(set, base64.StdEncoding.EncodeToString([]byte(once)))
		addPattern(set, base64.StdEncoding.EncodeToString([]byte(once+"\n")))
	}
	for shift := range 3 {
		core := base64Core(base64.StdEncoding, plain, shift)
		addPattern(set, core)
		addPattern(set, base64Core(base64.URLEncoding, plain, shift))
		for outer := range 3 {
			addPattern(set, base64Core(base64.StdEncoding, []byte(core), outer))
		}
	}
}

// base64Core returns the digits of an encoding that depend on plain alone,
// when shift bytes stand between it and the last multiple of three.
func base64Core(encoding *base64.Encoding, plain []byte, shift int) string {
	digits := encoding.WithPadding(base64.NoPadding).EncodeToString(append(make([]byte, shift), plain...))
	first := (shift*8 + 5) / 6
	last := (shift + len(plain)) * 8 / 6
	if first >= last {
		return ""
	}
	return digits[first:last]
}

// addWrapped adds an encoding, and its lines as base64(1) and openssl(1) break
// them.
func addWrapped(set map[string]struct{}, encoded string) {
	addPattern(set, encoded)
	for _, width := range []int{76, 64} {
		for rest := encoded; len(encoded) > width && rest != ""; {
			n := min(width, len(rest))
			if n >= 8 { // less would mask what is no secret
				addPattern(set, rest[:n])
			}
			rest = rest[n:]
		}
	}
}

func addHex(set map[string]struct{}, form string) {
	lower := hex.EncodeToString([]byte(form))
	addPattern(set, lower)
	addPattern(set, strings.ToUpper(lower))
}
