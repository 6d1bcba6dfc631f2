// SPDX-License-Identifier: MPL-2.0

package e2e_test

import (
	"strings"
	"testing"
)

// importedOrbs are unpacked orbs, of which one uses the other.
var importedOrbs = map[string]string{
	"orbs/acme/greet/1.2.0/@orb.yml":           "version: 2.1\ndescription: Greets\norbs: {words: acme/words@1}\n",
	"orbs/acme/greet/1.2.0/commands/hello.yml": "parameters:\n  to: {type: string}\nsteps:\n  - words/say\n  - run: <<include(scripts/hello.sh)>> << parameters.to >>\n",
	"orbs/acme/greet/1.2.0/scripts/hello.sh":   "echo hello",
	"orbs/acme/words@1.0.0/@orb.yml":           "version: 2.1\n",
	"orbs/acme/words@1.0.0/commands/say.yml":   "steps: [run: echo words]\n",
	".circleci/config.yml": `version: 2.1
orbs:
  greet: acme/greet@1
jobs:
  build:
    machine: true
    steps:
      - greet/hello: {to: world}
workflows:
  main:
    jobs: [build]
`,
}

// TestImportedOrbsCompile fills the registry with one command and compiles a
// config that uses what is in it.
func TestImportedOrbsCompile(t *testing.T) {
	t.Parallel()
	e := newEmbedded(t)
	dir := t.TempDir()
	writeFiles(t, dir, importedOrbs)
	muster := func(args ...string) string {
		t.Helper()
		return e.muster(t, dir, args...)
	}
	if out := muster("orb", "import", "orbs"); !strings.Contains(out, "2 new, 0 the same, 0 failed.") {
		t.Errorf("import: got %s", out)
	}
	if out := muster("orb", "import", "orbs"); !strings.Contains(out, "0 new, 2 the same, 0 failed.") {
		t.Errorf("import again: got %s", out)
	}
	muster("config", "validate", ".circleci/config.yml")
	out := muster("config", "process", ".circleci/config.yml")
	for _, want := range []string{"echo words", "echo hello world"} {
		if !strings.Contains(out, want) {
			t.Errorf("process: got %s\nwant %q in it", out, want)
		}
	}
}
