// SPDX-License-Identifier: MPL-2.0

package expression

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// MaxJavaPattern is how many characters a pattern of Java's dialect may have.
const MaxJavaPattern = 1000

// CompileJava reads the dialect of Java, in which filters and the operator
// `matches` of logic statements are written. What RE2 says in other words is
// translated; what it cannot do in time that grows with the text (look-around,
// back references, possessive quantifiers, atomic groups) is an error, and so is
// what it would silently read otherwise.
func CompileJava(source string) (*Pattern, error) {
	if length := utf8.RuneCountInString(source); length > MaxJavaPattern {
		return nil, fmt.Errorf("it has %d characters; %d is the limit", length, MaxJavaPattern)
	}
	j := &javaReader{in: []rune(source)}
	if err := j.read(); err != nil {
		return nil, err
	}
	return compile(j.out.String(), source)
}

// javaReader translates from left to right.
type javaReader struct {
	in  []rune
	at  int
	out strings.Builder
}

func unsupported(what string) error {
	return fmt.Errorf("%s cannot be used: patterns are matched by RE2, in time that grows with the text only", what)
}

// rest returns what begins at the current character.
func (j *javaReader) rest() string { return string(j.in[j.at:min(len(j.in), j.at+16)]) }

func (j *javaReader) peek(ahead int) rune {
	if j.at+ahead >= len(j.in) {
		return 0
	}
	return j.in[j.at+ahead]
}

// copy takes some characters over as they are.
func (j *javaReader) copy(count int) {
	count = min(count, len(j.in)-j.at)
	j.out.WriteString(string(j.in[j.at : j.at+count]))
	j.at += count
}

func (j *javaReader) read() error {
	for j.at < len(j.in) {
		var err error
		switch j.in[j.at] {
		case '\\':
			err = j.escape(false)
		case '[':
			err = j.class()
		case '(':
			err = j.group()
		case '*', '+', '?':
			err = j.quantifier(1)
		case '{':
			err = j.quantifier(repeatLength(j.rest()))
		default:
			j.copy(1)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

var repeatForm = regexp.MustCompile(`^\{\d+(?:,\d*)?\}`)

// repeatLength returns the length of a repetition {n,m}, 1 for another brace.
func repeatLength(rest string) int { return max(1, len(repeatForm.FindString(rest))) }

func (j *javaReader) quantifier(length int) error {
	brace := length == 1 && j.in[j.at] == '{'
	j.copy(length)
	switch next := j.peek(0); {
	case brace:
	case next == '+':
		return unsupported("a possessive quantifier (" + string(j.in[j.at-1:j.at+1]) + ")")
	case next == '?':
		j.copy(1)
	}
	return nil
}

var flagsForm = regexp.MustCompile(`^\(\?([a-zA-Z]*)(-?[a-zA-Z]*)[:)]`)

func (j *javaReader) group() error {
	rest := j.rest()
	for prefix, what := range map[string]string{
		"(?=": "look-ahead", "(?!": "look-ahead", "(?<=": "look-behind", "(?<!": "look-behind", "(?>": "an atomic group",
	} {
		if strings.HasPrefix(rest, prefix) {
			return unsupported(what + " " + prefix + "...)")
		}
	}
	if flags := flagsForm.FindStringSubmatch(rest); flags != nil {
		if i := strings.IndexAny(flags[1]+flags[2], "xdU"); i >= 0 {
			return unsupported("the flag " + (flags[1] + flags[2])[i:i+1])
		}
		// Unicode case folding is what RE2 does anyway.
		kept := strings.ReplaceAll(rest[:len(flags[0])], "u", "")
		j.at += len(flags[0])
		if kept != "(?)" {
			j.out.WriteString(kept)
		}
		return nil
	}
	j.copy(1)
	return nil
}

// class translates [...]. Java nests classes and intersects them, which RE2
// would read as plain characters.
func (j *javaReader) class() error {
	j.copy(1)
	if j.peek(0) == '^' {
		j.copy(1)
	}
	for first := true; j.at < len(j.in); first = false {
		switch c := j.in[j.at]; {
		case c == ']' && !first:
			j.copy(1)
			return nil
		case c == '[':
			return unsupported("a class within a class")
		case c == '&' && j.peek(1) == '&':
			return unsupported("an intersection of classes (&&)")
		case c == '\\':
			if err := j.escape(true); err != nil {
				return err
			}
		default:
			j.copy(1)
		}
	}
	return nil // the library tells that the class is not closed
}

const (
	horizontal = `\t \x{a0}\x{1680}\x{180e}\x{2000}-\x{200a}\x{202f}\x{205f}\x{3000}`
	vertical   = `\n-\r\x{85}\x{2028}\x{2029}`
)

// escape translates what follows a backslash.
func (j *javaReader) escape(inClass bool) error {
	next := j.peek(1)
	j.at += 2
	set := func(chars, format string) error {
		if inClass && format != "[%s]" {
			return unsupported(`\` + string(next) + " in a class")
		}
		if inClass {
			format = "%s"
		}
		fmt.Fprintf(&j.out, format, chars)
		return nil
	}
	switch next {
	case 'h':
		return set(horizontal, "[%s]")
	case 'v':
		return set(vertical, "[%s]")
	case 'H':
		return set(horizontal, "[^%s]")
	case 'V':
		return set(vertical, "[^%s]")
	case 'R':
		return set(vertical, `(?:\r\n|[%s])`)
	case 'Z':
		return set("", `(?:\n?\z)%s`)
	case 'Q':
		j.quoted(inClass)
	case 'k', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return unsupported(`a back reference (\` + string(next) + ")")
	case 'G', 'X', 'N':
		return unsupported(`\` + string(next))
	case 'p', 'P':
		return j.property(next == 'P', inClass)
	case '0', 'u', 'c', 'e':
		return j.character(next)
	default:
		if next < utf8.RuneSelf {
			j.out.WriteRune('\\')
		}
		if next != 0 {
			j.out.WriteRune(next)
		}
	}
	return nil
}

// quoted translates \Q...\E.
func (j *javaReader) quoted(inClass bool) {
	text, _, _ := strings.Cut(string(j.in[min(j.at, len(j.in)):]), `\E`)
	j.at = min(len(j.in), j.at+utf8.RuneCountInString(text)+2)
	if !inClass {
		j.out.WriteString(regexp.QuoteMeta(text))
		return
	}
	for _, c := range text {
		fmt.Fprintf(&j.out, `\x{%x}`, c)
	}
}

var (
	octalForm   = regexp.MustCompile(`^(?:[0-3][0-7]{2}|[0-7]{1,2})`)
	unicodeForm = regexp.MustCompile(`^[0-9a-fA-F]{4}`)
)

// character translates the ways to name one character.
func (j *javaReader) character(kind rune) error {
	code, rest := int64(0x1b), string(j.in[min(j.at, len(j.in)):min(len(j.in), j.at+4)])
	digits := ""
	switch kind {
	case '0':
		digits = octalForm.FindString(rest)
		code, _ = strconv.ParseInt(digits, 8, 32)
	case 'u':
		digits = unicodeForm.FindString(rest)
		code, _ = strconv.ParseInt(digits, 16, 32)
	case 'c':
		if rest != "" {
			digits, code = rest[:1], int64(rest[0]^64)
		}
	}
	if kind != 'e' && digits == "" {
		return fmt.Errorf(`the escape \%c is not complete`, kind)
	}
	j.at += len(digits)
	fmt.Fprintf(&j.out, `\x{%x}`, code)
	return nil
}

// posix are the classes that Java calls by \p{...}.
var posix = map[string]string{
	"Lower": "lower", "Upper": "upper", "ASCII": "ascii", "Alpha": "alpha", "Digit": "digit", "Alnum": "alnum", "Punct": "punct",
	"Graph": "graph", "Print": "print", "Blank": "blank", "Cntrl": "cntrl", "XDigit": "xdigit", "Space": "space",
}

// properties are other names of Java's for what RE2 knows.
var properties = map[string]string{
	"javaLowerCase": "Ll", "javaUpperCase": "Lu", "IsAlphabetic": "L", "IsLetter": "L", "IsLowercase": "Ll", "IsUppercase": "Lu",
	"IsPunctuation": "P", "IsDigit": "Nd", "IsControl": "Cc", "IsWhite_Space": "Z",
}

var propertyForm = regexp.MustCompile(`^(?:\{(?:(?:sc|script|gc|general_category)=)?(\w+)\}|(\w))`)

func (j *javaReader) property(negated, inClass bool) error {
	found := propertyForm.FindStringSubmatch(string(j.in[min(j.at, len(j.in)):min(len(j.in), j.at+60)]))
	if found == nil {
		return fmt.Errorf(`the name of a property is expected after \p`)
	}
	j.at += len(found[0])
	name, not := found[1]+found[2], ""
	if negated {
		not = "^"
	}
	if class, ok := posix[name]; ok && inClass {
		fmt.Fprintf(&j.out, "[:%s%s:]", not, class)
		return nil
	} else if ok {
		fmt.Fprintf(&j.out, "[[:%s%s:]]", not, class)
		return nil
	}
	if known, ok := properties[name]; ok {
		name = known
	}
	fmt.Fprintf(&j.out, `\p{%s%s}`, not, strings.TrimPrefix(name, "Is"))
	return nil
}
