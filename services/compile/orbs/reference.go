// SPDX-License-Identifier: MPL-2.0

package orbs

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/muster-ci/muster/core"
)

const (
	maxNamePart = 100
	// maxLabel is CircleCI's bound on a dev label; 1024 with "dev:" in front still
	// fits an index of PostgreSQL.
	maxLabel  = 1023
	devPrefix = "dev:"
	volatile  = "volatile"
)

// namePart is the form of a namespace's and of an orb's own name.
var namePart = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]*$`)

func checkName(what, name string) error {
	if len(name) > maxNamePart || !namePart.MatchString(name) {
		return core.Errorf(core.CodeInvalid, "%q is not a name for %s: use lower-case letters, digits, '_' and '-', %d characters at most, a letter or a digit first.", clip(name), what, maxNamePart)
	}
	if idForm.MatchString(name) {
		return core.Errorf(core.CodeInvalid, "%q is not a name for %s: it has the form of an id.", name, what)
	}
	return nil
}

// idForm is that of the ids that core.NewID makes.
var idForm = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// clip shortens what came from outside for a message.
func clip(text string) string {
	const most = 200
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "..."
}

// fullName is a parsed "namespace/orb".
type fullName struct{ namespace, orb string }

func (n fullName) String() string { return n.namespace + "/" + n.orb }

func parseFullName(text string) (fullName, error) {
	namespace, orb, ok := strings.Cut(text, "/")
	if !ok {
		return fullName{}, core.Errorf(core.CodeInvalid, "%q is not the name of an orb; write it as namespace/orb.", clip(text))
	}
	if err := checkName("a namespace", namespace); err != nil {
		return fullName{}, err
	}
	return fullName{namespace, orb}, checkName("an orb", orb)
}

// parseReference reads what a config writes, "namespace/orb@version".
func parseReference(text string) (fullName, wanted, error) {
	name, version, ok := strings.Cut(text, "@")
	if !ok {
		return fullName{}, wanted{}, core.Errorf(core.CodeInvalid, "The orb %q has no version: write %s@1, %s@1.2.3, or %s@volatile for the newest release.", clip(text), clip(text), clip(text), clip(text))
	}
	full, err := parseFullName(name)
	if err != nil {
		return fullName{}, wanted{}, err
	}
	w, err := parseWanted(version)
	return full, w, err
}

// number is a released version. Each part is below a billion.
type number struct{ major, minor, patch int64 }

func (n number) String() string {
	return strconv.FormatInt(n.major, 10) + "." + strconv.FormatInt(n.minor, 10) + "." + strconv.FormatInt(n.patch, 10)
}

// next returns the number after n; segment is "major", "minor" or "patch".
func (n number) next(segment string) (number, error) {
	switch segment {
	case "major":
		return number{n.major + 1, 0, 0}, nil
	case "minor":
		return number{n.major, n.minor + 1, 0}, nil
	case "patch":
		return number{n.major, n.minor, n.patch + 1}, nil
	default:
		return number{}, core.Errorf(core.CodeInvalid, "%q is not a part of a version; write major, minor or patch.", clip(segment))
	}
}

// below tells whether n is the lower version.
func (n number) below(other number) bool {
	return slices.Compare([]int64{n.major, n.minor, n.patch}, []int64{other.major, other.minor, other.patch}) < 0
}

// wanted is the version part of a reference: a dev label, or the parts of a
// released version that are given (none for volatile).
type wanted struct {
	label string // "dev:label"
	parts []int64
}

func (w wanted) isDev() bool   { return w.label != "" }
func (w wanted) isExact() bool { return len(w.parts) == 3 }

// String returns the version as a reference writes it.
func (w wanted) String() string {
	if w.isDev() {
		return w.label
	}
	if len(w.parts) == 0 {
		return volatile
	}
	texts := make([]string, len(w.parts))
	for i, part := range w.parts {
		texts[i] = strconv.FormatInt(part, 10)
	}
	return strings.Join(texts, ".")
}

// parseWanted reads "1", "1.2", "1.2.3", "volatile", "" (the same) and
// "dev:label".
func parseWanted(text string) (wanted, error) {
	if text == "" || text == volatile {
		return wanted{}, nil
	}
	if label, isDev := strings.CutPrefix(text, devPrefix); isDev {
		return wanted{label: text}, checkLabel(label)
	}
	texts := strings.Split(text, ".")
	if len(texts) > 3 {
		return wanted{}, noVersion(text)
	}
	w := wanted{parts: make([]int64, len(texts))}
	for i, part := range texts {
		n, err := strconv.ParseInt(part, 10, 64)
		if err != nil || n < 0 || n > 999_999_999 || strconv.FormatInt(n, 10) != part {
			return wanted{}, noVersion(text)
		}
		w.parts[i] = n
	}
	return w, nil
}

func noVersion(text string) error {
	return core.Errorf(core.CodeInvalid, "%q is not a version of an orb; write 1, 1.2, 1.2.3, volatile or dev:label.", clip(text))
}

func checkLabel(label string) error {
	bad := label == "" || len(label) > maxLabel || !utf8.ValidString(label) ||
		strings.ContainsFunc(label, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) })
	if bad {
		return core.Errorf(core.CodeInvalid, "A dev version is dev: and a label of 1 to %d characters without blanks, not %q.", maxLabel, clip(devPrefix+label))
	}
	return nil
}

// exact returns the number of a version that is written in full.
func (w wanted) exact() number { return number{w.parts[0], w.parts[1], w.parts[2]} }
