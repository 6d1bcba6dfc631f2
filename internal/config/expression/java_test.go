// SPDX-License-Identifier: MPL-2.0

package expression

import (
	"regexp"
	"strings"
	"testing"
)

func TestJavaPatterns(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern string
		yes, no string // texts, one a word
	}{
		{`main`, "main", "mainx xmain"},
		{`^release\/.*$`, "release/1", "a/release/1 release"},
		{`v\d+\.\d+(?:\.\d+)?`, "v1.2 v1.2.3", "v1 v1.2.3.4"},
		{`a|ab`, "a ab", "abc"},
		{`(?i)FeAt-.+`, "feat-x FEAT-1", "fea-x"},
		{`(?iu:x)y`, "xy Xy", "XY"},
		{`\p{Alpha}+`, "abcXYZ", "ab1 é"},
		{`\p{Lower}\p{Upper}\p{Digit}\P{Digit}`, "aB1x", "ab1x aB11"},
		{`[\p{Alnum}_.-]+`, "a-b_c.1", "a/b"},
		{`[^\P{Alpha}]`, "a", "1"},
		{`\p{IsLatin}+\pN`, "é1", "я1"},
		{`\p{script=Greek}`, "α", "a"},
		{`\p{javaLowerCase}`, "a", "A"},
		{`\Qa.b*\E+`, "a.b* a.b**", "axb"},
		{`[\Q^-]\E]+`, "^-]", "a"},
		{`(?<name>x)y`, "xy", "x"},
		{`\x41\u0042\0103\cA?`, "ABC", "abc"},
		{`a\-b\_\é`, "a-b_é", "ab"},
		{`x{2,3}?`, "xx xxx", "x xxxx"},
		{`\h|[\h]|\v`, "\u00a0", "a"},
	} {
		p, err := CompileJava(c.pattern)
		if err != nil {
			t.Errorf("%s: %v", c.pattern, err)
			continue
		}
		for _, text := range strings.Split(c.yes, " ") {
			if !p.Match(text) {
				t.Errorf("%s does not match %q", c.pattern, text)
			}
		}
		for _, text := range strings.Split(c.no, " ") {
			if p.Match(text) {
				t.Errorf("%s matches %q", c.pattern, text)
			}
		}
	}
}

func TestJavaPatternsThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	for pattern, want := range map[string]string{
		`(?!main).*`:              "look-ahead (?!...) cannot be used",
		`a(?=b)`:                  "look-ahead (?=...) cannot be used",
		`(?<!a)b`:                 "look-behind (?<!...) cannot be used",
		`(?<=a)b`:                 "look-behind (?<=...) cannot be used",
		`(?>a+)b`:                 "an atomic group (?>...) cannot be used",
		`(a)\1`:                   `a back reference (\1) cannot be used`,
		`(?<n>a)\k<n>`:            `a back reference (\k) cannot be used`,
		`a*+`:                     "a possessive quantifier (*+) cannot be used",
		`a{2}+`:                   "a possessive quantifier (}+) cannot be used",
		`(?x)a b`:                 "the flag x cannot be used",
		`[a-z&&[^b]]`:             "an intersection of classes (&&) cannot be used",
		`[a-c[x-z]]`:              "a class within a class cannot be used",
		`[\H]`:                    `\H in a class cannot be used`,
		`(`:                       "missing closing )",
		`a)(b`:                    "unexpected )",
		`[a`:                      "missing closing ]",
		`\u12`:                    `the escape \u is not complete`,
		`x{1000}{1000}`:           "invalid nested repetition operator",
		strings.Repeat("x", 1001): "it has 1001 characters; 1000 is the limit",
	} {
		if _, err := CompileJava(pattern); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", pattern, err, want)
		}
	}
}

// FuzzJavaPattern: nothing panics, and a pattern that only has what both
// dialects read alike means the same in both.
func FuzzJavaPattern(f *testing.F) {
	for _, seed := range []string{`(?i)a[^b-d]*\d+?`, `\Qa\E[\Q]\E]`, `\p{Alpha}[\p{Punct}]`, `(?<a>x)|y{2,}`, `\0`, `\`, `[`, `[]`, `(?`, `\p`, `\cé`} {
		f.Add(seed, "text")
	}
	same := regexp.MustCompile(`^(?:[a-z0-9.|^$ ]|\\[dDwWbB.*+?])*$`)
	f.Fuzz(func(t *testing.T, source, text string) {
		p, err := CompileJava(source)
		if err != nil {
			return
		}
		got := p.Match(text)
		if !same.MatchString(source) {
			return
		}
		if re, err := regexp.Compile(`\A(?:` + source + `)\z`); err != nil || re.MatchString(text) != got {
			t.Fatalf("%q: %v, %v", source, got, err)
		}
	})
}
