// SPDX-License-Identifier: MPL-2.0

package config

import (
	"strings"
	"testing"
)

func TestShapeOfOrbs(t *testing.T) {
	t.Parallel()
	info, mistakes := ReadOrb("version: 2.1\ndescription: Greets\ncommands:\n  hi: {steps: [run: echo hi]}\nx-note: mine\n")
	if len(mistakes) > 0 || info.Description != "Greets" {
		t.Errorf("got %+v, %v", info, mistakes)
	}
	for source, want := range map[string]string{
		"":                                    "expected type: Mapping",
		"- a\n":                               "expected type: Mapping",
		"version: 2\n":                        "orb.yml:1:10: Unsupported or missing workflows config version",
		"version: 2.1\nworkflows: {}\n":       "orb.yml:2:1: extraneous key [workflows] is not permitted",
		"version: 2.1\njobs: [a]\n":           "orb.yml:2:7: expected type: Mapping, found: Sequence",
		"version: 2.1\ndescription: {a: b}\n": "expected type: String, found: Mapping",
		"version: 2.1\n\tjobs:\n":             "orb.yml:2",
	} {
		_, mistakes := ReadOrb(source)
		if len(mistakes) != 1 || !strings.Contains(mistakes[0].String(), want) {
			t.Errorf("%q: got %v, want one mistake with %q", source, mistakes, want)
		}
	}
}
