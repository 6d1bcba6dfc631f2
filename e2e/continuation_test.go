// SPDX-License-Identifier: MPL-2.0

package e2e_test

import (
	"context"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// continuingOrbs are two orbs in the manner of those that teams use for dynamic
// configuration: one finds out which paths changed, and has the other continue
// the pipeline over https, on the name that the config gives.
var continuingOrbs = map[string]string{
	"orbs/acme/proceed@1.0.0/@orb.yml": "version: 2.1\n",
	"orbs/acme/proceed@1.0.0/commands/proceed.yml": `parameters:
  config: {type: string}
  parameters: {type: string, default: '{}'}
  domain: {type: string, default: circleci.com}
steps:
  - run:
      name: Proceed
      environment: {CONFIG: << parameters.config >>, VALUES: << parameters.parameters >>, DOMAIN: << parameters.domain >>}
      command: <<include(scripts/proceed.sh)>>
`,
	"orbs/acme/proceed@1.0.0/scripts/proceed.sh": `#!/bin/bash
set -e
: "${CIRCLE_CONTINUATION_KEY:?is set in setup workflows only}"
for program in curl jq; do command -v "$program" >/dev/null || { echo "$program is needed"; exit 1; }; done
folder=$(mktemp -d)
jq -n --arg key "$CIRCLE_CONTINUATION_KEY" --rawfile config "$CONFIG" --slurpfile values "$VALUES" \
  '{"continuation-key": $key, configuration: $config, parameters: $values[0]}' > "$folder/request.json"
status=$(curl --retry 5 --retry-connrefused -sS -o "$folder/answer" -w '%{http_code}' -X POST \
  -H 'Content-Type: application/json' --data @"$folder/request.json" "https://${DOMAIN}/api/v2/pipeline/continue")
echo "answered $status"
[ "$status" -eq 200 ]
`,
	"orbs/acme/paths@1.0.0/@orb.yml": "version: 2.1\norbs: {onward: acme/proceed@1}\n",
	"orbs/acme/paths@1.0.0/jobs/select.yml": `executor: << parameters.where >>
resource_class: << parameters.class >>
parameters:
  where: {type: executor}
  class: {type: string, default: small}
  base: {type: string, default: main}
  mapping: {type: string}
  config: {type: string, default: .circleci/more.yml}
  domain: {type: string, default: circleci.com}
  fetch: {type: boolean, default: true}
steps:
  - when:
      condition: {equal: [true, << parameters.fetch >>]}
      steps: [checkout]
  - run:
      name: Select
      environment: {MAPPING: << parameters.mapping >>, BASE: << parameters.base >>, INTO: values.json}
      command: <<include(scripts/select.py)>>
      shell: python3
  - onward/proceed: {config: << parameters.config >>, parameters: values.json, domain: << parameters.domain >>}
`,
	"orbs/acme/paths@1.0.0/scripts/select.py": `import json, os, re, subprocess

def git(*words):
    return subprocess.run(("git",) + words, check=True, capture_output=True, text=True).stdout.strip()

def subst(text):
    return subprocess.run(("circleci", "env", "subst"), input=text, check=True, capture_output=True, text=True).stdout

head = os.environ["CIRCLE_SHA1"]
base = git("merge-base", os.environ["BASE"], head)
if base == head:
    base = git("rev-parse", "HEAD~1")
changed = git("diff", "--name-only", base, head).splitlines()
values = {}
for line in subst(os.environ["MAPPING"]).splitlines():
    if line.strip():
        path, name, value = line.split()
        if any(re.fullmatch(path, one) for one in changed):
            values[name] = json.loads(value)
with open(os.environ["INTO"], "w") as out:
    json.dump(values, out)
print("changed:", *changed)
`,
}

// continuedProject is a repository whose second commit changes documents only.
func continuedProject(uses string) []map[string]string {
	return []map[string]string{
		{
			".circleci/config.yml": uses,
			".circleci/more.yml": `version: 2.1
parameters:
  docs: {type: boolean, default: false}
  code: {type: boolean, default: false}
jobs:
  spell: {machine: true, steps: [run: {name: Spell, command: 'echo spelt, setup is << pipeline.in_setup >>'}]}
  test: {machine: true, steps: [run: {name: Test, command: echo tested}]}
workflows:
  docs: {when: << pipeline.parameters.docs >>, jobs: [spell]}
  code: {when: << pipeline.parameters.code >>, jobs: [test]}
`,
			"src/main.c": "int main(void) { return 0; }\n", "docs/index.md": "# Old\n",
		},
		{"docs/index.md": "# New\n"},
	}
}

// TestOrbsContinueAPipeline: setup, the orbs, and the workflow that they chose,
// with the API on https.
func TestOrbsContinueAPipeline(t *testing.T) {
	t.Parallel()
	for _, program := range []string{"bash", "curl", "jq", "python3", "git"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Fatalf("%s is needed: run scripts/system-packages.sh bash curl jq python3 git", program)
		}
	}
	e := newEmbedded(t, "--tls")
	dir := t.TempDir()
	writeFiles(t, dir, continuingOrbs)
	e.muster(t, dir, "orb", "import", "orbs")
	e.continues(t, `version: 2.1
setup: true
orbs: {paths: acme/paths@1}
executors: {host: {machine: true}}
workflows:
  setup:
    jobs:
      - paths/select:
          where: host
          class: medium
          domain: `+e.domain(t)+`
          mapping: |
            docs/.* docs true
            src/.* code true
`, "changed: docs/index.md", "answered 200")
}

// continues runs the project and wants what its setup prints, and the workflow
// for documents behind it, alone.
func (e *embedded) continues(t *testing.T, uses string, wants ...string) {
	t.Helper()
	out := e.muster(t, e.repository(t, continuedProject(uses)), "run")
	for _, want := range append(wants, "spelt, setup is false", "success") {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in\n%s\n%s", want, out, e.log())
		}
	}
	if testedLine.MatchString(out) {
		t.Errorf("the workflow of the code ran too:\n%s", out)
	}
}

// testedLine is what the job of the code prints; orbs may print the config, where
// the word stands too.
var testedLine = regexp.MustCompile(`(?m)^(test \| )?tested$`)

// domain is the gateway as orbs name it: without https://.
func (e *embedded) domain(t *testing.T) string {
	t.Helper()
	u, err := url.Parse(e.public)
	if err != nil || u.Scheme != "https" {
		t.Fatalf("the gateway is at %s", e.public)
	}
	return u.Host
}

// muster runs a command of people's and returns what it printed.
func (e *embedded) muster(t *testing.T, dir string, args ...string) string {
	t.Helper()
	token, err := os.ReadFile(filepath.Join(e.dir, "data", "token"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(e.bin, "muster"), args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "MUSTER_HOST="+e.public, "MUSTER_TOKEN="+strings.TrimSpace(string(token)))
	if bundle := filepath.Join(e.dir, "data", "tls", "bundle.pem"); strings.HasPrefix(e.public, "https:") {
		cmd.Env = append(cmd.Env, "SSL_CERT_FILE="+bundle)
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("muster %v: %v\n%s\n%s", args, err, out, e.log())
	}
	return string(out)
}

// repository makes a git repository with one commit for each set of files.
func (e *embedded) repository(t *testing.T, commits []map[string]string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "project")
	git := func(args ...string) {
		cmd := exec.Command("git", args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	for i, files := range commits {
		writeFiles(t, dir, files)
		if i == 0 {
			git("init", "-q", "-b", "main")
		}
		git("add", ".")
		git("-c", "user.name=Example", "-c", "user.email=example@example.com", "commit", "-qm", "A change")
	}
	return dir
}

func writeFiles(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
