// SPDX-License-Identifier: MPL-2.0

package mask

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/url"
	"strings"
)

// addEscapes adds a form as programs quote it inside URLs, JSON, XML and
// shells. Most values have nothing to escape, and then all are the same.
func addEscapes(set map[string]struct{}, form string) {
	for _, escape := range []func(string) string{
		url.QueryEscape, url.PathEscape, percentAll, percentComponent,
		jsonEscape, jsonPlain, xmlEscape, xmlNamed,
		shellSingle, shellDouble, shellBackslash, shellANSI, powerShell,
	} {
		escaped := escape(form)
		addPattern(set, escaped)
		if strings.Contains(escaped, "%") {
			addPattern(set, lowerPercent(escaped))
		}
	}
}

func percentAll(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// percentComponent is JavaScript's encodeURIComponent, which spares !'()*.
func percentComponent(s string) string {
	return strings.NewReplacer("%21", "!", "%27", "'", "%28", "(", "%29", ")", "%2A", "*").Replace(percentAll(s))
}

// lowerPercent writes %2F as %2f.
func lowerPercent(s string) string {
	b := []byte(s)
	for i := 0; i+2 < len(b); i++ {
		if b[i] == '%' {
			copy(b[i+1:i+3], strings.ToLower(string(b[i+1:i+3])))
		}
	}
	return string(b)
}

// jsonEscape is Go's default, with <, > and & as \u003c and so on.
func jsonEscape(s string) string {
	quoted, err := json.Marshal(s)
	if err != nil {
		return ""
	}
	return string(quoted[1 : len(quoted)-1])
}

// jsonPlain is what most other languages write.
func jsonPlain(s string) string {
	return strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(jsonEscape(s))
}

func xmlEscape(s string) string {
	var out strings.Builder
	if err := xml.EscapeText(&out, []byte(s)); err != nil {
		return ""
	}
	return out.String()
}

func xmlNamed(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&apos;").Replace(s)
}

// shellSingle is how `set -x` prints a word.
func shellSingle(s string) string { return strings.ReplaceAll(s, "'", `'\''`) }

func shellDouble(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", `\$`, "`", "\\`").Replace(s)
}

// shellBackslash is bash's printf %q for a text without control characters.
func shellBackslash(s string) string {
	var out strings.Builder
	for _, b := range []byte(s) {
		if strings.IndexByte(" !\"#$&'()*,;<>?[\\]^`{|}", b) >= 0 {
			out.WriteByte('\\')
		}
		out.WriteByte(b)
	}
	return out.String()
}

// shellANSI is the inside of $'...', which bash uses for control characters.
func shellANSI(s string) string {
	var out strings.Builder
	for _, b := range []byte(s) {
		switch {
		case b == '\n':
			out.WriteString(`\n`)
		case b == '\r':
			out.WriteString(`\r`)
		case b == '\t':
			out.WriteString(`\t`)
		case b == '\\' || b == '\'':
			out.WriteByte('\\')
			out.WriteByte(b)
		case b < ' ':
			fmt.Fprintf(&out, `\%03o`, b)
		default:
			out.WriteByte(b)
		}
	}
	return out.String()
}

func powerShell(s string) string {
	return strings.NewReplacer("`", "``", `"`, "`\"", "$", "`$").Replace(s)
}
