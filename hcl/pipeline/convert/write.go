// SPDX-License-Identifier: MPL-2.0

package convert

import (
	"regexp"
	"strings"
)

// writer puts HCL together; the text is formatted when it is whole.
type writer struct {
	b       *strings.Builder
	begun   bool   // a top-level block was written
	pending string // comments that wait for what is written next
	apart   bool   // a comment on what was written before ends here
}

// block writes a block with labels; inner writes what stands in it.
func (w *writer) block(kind string, labels []string, inner func()) {
	w.b.WriteString(kind)
	for _, label := range labels {
		w.b.WriteString(" " + quote(label))
	}
	w.b.WriteString(" {\n")
	inner()
	w.flush()
	w.b.WriteString("}\n")
}

// attribute writes a name and an expression.
func (w *writer) attribute(name, expression string) {
	w.b.WriteString(name + " = " + expression + "\n")
}

// gap separates top-level blocks.
func (w *writer) gap() {
	if w.begun {
		w.b.WriteString("\n")
	}
	w.begun = true
}

// remark writes comments in lines of their own.
func (w *writer) remark(text string) {
	if text != "" {
		w.b.WriteString(text + "\n")
	}
}

// flush writes the comments that wait, at the end of a block or of the file.
func (w *writer) flush() {
	w.remark(w.pending)
	w.pending, w.apart = "", false
}

var identifier = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_-]*$`)

// key writes the key of an object.
func key(name string) string {
	if identifier.MatchString(name) {
		return name
	}
	return quote(name)
}

// escapes are what has a meaning in a quoted text of HCL.
var escapes = strings.NewReplacer("\\", `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "\t", `\t`, "${", "$${", "%{", "%%{")

// quote writes a text.
func quote(text string) string { return `"` + escapes.Replace(text) + `"` }

// heredocEscapes are what has a meaning between the lines of a heredoc.
var heredocEscapes = strings.NewReplacer("${", "$${", "%{", "%%{")
