// SPDX-License-Identifier: MPL-2.0

package config

import (
	"errors"
	"regexp"
	"strings"

	"github.com/muster-ci/muster/internal/config/expression"
)

// template is a text cut at its tags:
//
//	text << expression >> text <<# name >> blocks <</ name >> <<^ name >> blocks <</ name >>
//
// A backslash before << keeps it as text; two are a backslash and a tag. A text
// is cut once, however often the element that holds it is used.
type template struct {
	blocks  []block
	failure *tagFailure
}

type blockKind uint8

const (
	plainText blockKind = iota
	reference           // << >>
	section             // <<# >>, written when its value is true
	inverted            // <<^ >>, written when it is not
)

// block is a piece of a template.
type block struct {
	kind blockKind
	// text is a plain text itself, the source of a reference, the name of a
	// section.
	text string
	// expression of a reference; nil when its text is one name, which may hold
	// characters that no expression has.
	expression *expression.Expression
	failure    *tagFailure // of a reference that is no expression
	inner      []block     // of a section
}

// tagFailure is a mistake. That of a template is the first one of its tags; what
// stands between them is another matter, told for each.
type tagFailure struct{ message, way string }

// Limits of templates.
const (
	maxSections    = 50    // around one another
	maxExpressions = 2_000 // different ones in a config
)

const (
	escapeWay     = "write \\<< where a script means <<, for example cat \\<<EOF"
	unclosedTag   = "Unclosed '<<' tag\n('<<' must be escaped as '\\<<' in config v2.1+)"
	sectionsWay   = "a section is <<# parameters.name >> text <</ parameters.name >>, or <<^ ... >> for the opposite"
	includeWay    = "<<include(file)>> has a meaning only for `circleci orb pack`: pack the orb first, or put the file's text here"
	includePrefix = "include("
)

type tagToken uint8

const (
	tokenText tagToken = iota
	tokenOpen
	tokenSection
	tokenInverted
	tokenSectionEnd
	tokenClose
	tokenEnd
)

// cutter reads a text from left to right. kind and text are the token that
// begins at start.
type cutter struct {
	source string
	at     int
	kind   tagToken
	text   string
	start  int
	depth  int
	parse  func(source string) (*expression.Expression, error)
}

// cut makes a template of a text.
func cut(source string, parse func(string) (*expression.Expression, error)) *template {
	k := &cutter{source: source, parse: parse}
	k.next()
	blocks, failure := k.blocks("")
	return &template{blocks: blocks, failure: failure}
}

// next reads a token.
func (k *cutter) next() {
	rest := k.source[k.at:]
	k.start = k.at
	switch {
	case rest == "":
		k.kind, k.text = tokenEnd, ""
	case strings.HasPrefix(rest, "<<"):
		k.open(rest)
	case strings.HasPrefix(rest, ">>"):
		k.take(tokenClose, 2)
	case strings.HasPrefix(rest, `\<<`):
		k.take(tokenText, 3)
		k.text = "<<"
	case strings.HasPrefix(rest, `\\<<`):
		k.take(tokenText, 2)
		k.text = `\`
	default:
		k.take(tokenText, plainLength(rest))
	}
}

func (k *cutter) take(kind tagToken, length int) {
	k.kind, k.text = kind, k.source[k.at:k.at+length]
	k.at += length
}

func (k *cutter) open(rest string) {
	if len(rest) > 2 {
		switch rest[2] {
		case '#':
			k.take(tokenSection, 3)
			return
		case '^':
			k.take(tokenInverted, 3)
			return
		case '/':
			k.take(tokenSectionEnd, 3)
			return
		}
	}
	k.take(tokenOpen, 2)
}

// plainLength returns where the next tag, or the escape before one, begins.
func plainLength(text string) int {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '<', '>':
			if i+1 < len(text) && text[i+1] == text[i] {
				return i
			}
		case '\\':
			if rest := text[i:]; strings.HasPrefix(rest, `\<<`) || strings.HasPrefix(rest, `\\<<`) {
				return i
			}
		}
	}
	return len(text)
}

// blocks reads up to the end of a section, or of the text when the name is
// empty.
func (k *cutter) blocks(name string) (list []block, failure *tagFailure) {
	var plain strings.Builder
	flush := func() {
		if plain.Len() > 0 {
			list = append(list, block{text: plain.String()})
			plain.Reset()
		}
	}
	for failure == nil {
		var b block
		switch k.kind {
		case tokenText, tokenClose:
			plain.WriteString(k.text)
			k.next()
			continue
		case tokenEnd:
			flush()
			if name != "" {
				failure = &tagFailure{"Unclosed section, expected '<</'", "close it with <</ " + clip(name) + " >>"}
			}
			return list, failure
		case tokenSectionEnd:
			flush()
			return list, k.sectionEnd(name)
		case tokenOpen:
			b, failure = k.tag()
		default:
			b, failure = k.section()
		}
		flush()
		list = append(list, b)
	}
	return nil, failure
}

// tag reads << expression >>.
func (k *cutter) tag() (block, *tagFailure) {
	if k.next(); k.kind != tokenText {
		return block{}, &tagFailure{"Expected expression after '<<'", "write << name >>; " + escapeWay}
	}
	body := k.text
	if k.next(); k.kind != tokenClose {
		if len(body) <= expression.MaxLength {
			return block{}, &tagFailure{unclosedTag, escapeWay + lineOf(body)}
		}
		// CircleCI's own words for a forgotten backslash before a long script.
		return block{}, &tagFailure{"Expressions must be less than 2048 characters\n" + unclosedTag, escapeWay + lineOf(body)}
	}
	k.next()
	return k.reference(body), nil
}

// lineOf shows the beginning of a tag that is not one.
func lineOf(body string) string {
	line, _, _ := strings.Cut(body, "\n")
	return "; the tag begins with <<" + clip(line)
}

var (
	// simpleName is the form of nearly all tags. It needs no parser.
	simpleName = regexp.MustCompile(`^[a-zA-Z][\w-]*(?:\.[\w-]+)+$`)
	// laxName is what CircleCI accepts as a name where no expression can be
	// read: parameters may be called anything.
	laxName = regexp.MustCompile(`^[\w-]+(?:\.\S+)*$`)
)

func (k *cutter) reference(body string) block {
	b := block{kind: reference, text: strings.TrimSpace(body)}
	if simpleName.MatchString(b.text) {
		return b
	}
	if strings.HasPrefix(b.text, includePrefix) {
		b.failure = &tagFailure{"Unclosed '<<' tag in string: '<<" + clip(body) + ">>'\n('<<' must be escaped as '\\<<' in config v2.1+)", includeWay}
		return b
	}
	parsed, err := k.parse(b.text)
	var e *expression.Error
	switch {
	case errors.As(err, &e):
		if e.Kind != expression.UnexpectedCharacter || !laxName.MatchString(b.text) {
			b.failure = &tagFailure{explain(e, b.text), expressionWay(e, b.text)}
		}
	case parsed.Only() == "":
		b.expression = parsed
	}
	return b
}

// explain quotes the source of an expression unless it is too long to read.
func explain(e *expression.Error, source string) string {
	if len(source) > 300 {
		return e.Error()
	}
	return e.Explain(source)
}

// expressionWay says what to do about a text that is no expression.
func expressionWay(e *expression.Error, source string) string {
	switch {
	case e.Err != nil:
		return e.Err.Error()
	case strings.Contains(source, "&&") || strings.Contains(source, "||"):
		return "write and, or, not"
	case strings.Contains(source, "'"):
		return "texts stand in double quotes"
	case strings.ContainsAny(source, "\n"):
		return escapeWay
	}
	return "an expression joins names, numbers and \"texts\" with and, or, not, ==, !=, <, <=, >, >=, starts-with, contains, matches; " + escapeWay
}

// section reads <<# name >> blocks <</ name >>.
func (k *cutter) section() (block, *tagFailure) {
	b := block{kind: section}
	if k.kind == tokenInverted {
		b.kind = inverted
	}
	if k.depth++; k.depth > maxSections {
		return b, &tagFailure{"Sections (<<# >>) nest more than 50 levels deep; that is the limit", "use when steps"}
	}
	var failure *tagFailure
	if b.text, failure = k.name(); failure == nil {
		b.inner, failure = k.blocks(b.text)
	}
	k.depth--
	return b, failure
}

// name reads the rest of a section's tag.
func (k *cutter) name() (string, *tagFailure) {
	if k.next(); k.kind != tokenText {
		return "", &tagFailure{"Expected identifier", sectionsWay}
	}
	name := strings.TrimSpace(k.text)
	if !laxName.MatchString(name) {
		return "", &tagFailure{"Expected valid identifier, found: " + clip(name), sectionsWay}
	}
	if k.next(); k.kind != tokenClose {
		return "", &tagFailure{unclosedTag, sectionsWay}
	}
	k.next()
	return name, nil
}

func (k *cutter) sectionEnd(open string) *tagFailure {
	name, failure := k.name()
	switch {
	case failure != nil:
		return failure
	case open == "":
		return &tagFailure{"Expected section end tag to match start tag", "<</ " + clip(name) + " >> closes nothing; " + sectionsWay}
	case name != open:
		return &tagFailure{"Expected section end tag to match start tag", "<</ " + clip(name) + " >> stands where <</ " + clip(open) + " >> is expected"}
	}
	return nil
}
