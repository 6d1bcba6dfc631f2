// SPDX-License-Identifier: MPL-2.0

//go:build e2e

package e2e_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-ci/muster/internal/api"
	"github.com/muster-ci/muster/internal/client"
)

// circleCI is CircleCI's own command line, with a home of its own.
type circleCI struct {
	t    *testing.T
	bin  string
	home string
}

// newCircleCI finds the program, which `make e2e` builds.
func newCircleCI(t *testing.T) *circleCI {
	t.Helper()
	bin := os.Getenv("MUSTER_CIRCLECI")
	if bin == "" {
		t.Fatal("MUSTER_CIRCLECI names no program: run this as part of `make e2e`, which builds it")
	}
	return &circleCI{t: t, bin: bin, home: t.TempDir()}
}

func (c *circleCI) write(name, text string) {
	c.t.Helper()
	path := filepath.Join(c.home, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		c.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		c.t.Fatal(err)
	}
}

// run runs one command and returns what it printed and how it ended.
func (c *circleCI) run(command, input string) (string, int) {
	c.t.Helper()
	cmd := exec.CommandContext(c.t.Context(), c.bin, append([]string{"--skip-update-check"}, strings.Fields(command)...)...)
	cmd.Dir = c.home
	cmd.Env = []string{"HOME=" + c.home, "PATH=" + os.Getenv("PATH"), "CIRCLECI_CLI_TELEMETRY_OPTOUT=1"}
	cmd.Stdin = strings.NewReader(input)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		c.t.Fatalf("circleci %s: %v", command, err)
	}
	return out.String(), cmd.ProcessState.ExitCode()
}

// does runs a command that must end well and print each of the texts.
func (c *circleCI) does(command string, texts ...string) {
	c.t.Helper()
	out, code := c.run(command, "")
	c.check(command, out, code == 0, texts)
}

// fails runs a command that must end badly and say why.
func (c *circleCI) fails(command string, texts ...string) {
	c.t.Helper()
	out, code := c.run(command, "")
	c.check(command, out, code != 0, texts)
}

func (c *circleCI) check(command, out string, ended bool, texts []string) {
	c.t.Helper()
	if !ended {
		c.t.Errorf("circleci %s did not end as it should:\n%s", command, out)
	}
	for _, text := range texts {
		if !strings.Contains(out, text) {
			c.t.Errorf("circleci %s does not say %q:\n%s", command, text, out)
		}
	}
}

// TestCommandLineOfCircleCI uses it against embedded parts.
func TestCommandLineOfCircleCI(t *testing.T) {
	t.Parallel()
	c := newCircleCI(t)
	e := newEmbedded(t)
	token, err := os.ReadFile(filepath.Join(e.dir, "data", "token"))
	if err != nil {
		t.Fatal(err)
	}
	testCommandLine(t, c, e.Client, e.public, strings.TrimSpace(string(token)))
}

// testCommandLine walks from setup to a published orb and a config that uses
// it, with names of its own.
func testCommandLine(t *testing.T, c *circleCI, muster *client.Client, url, token string) {
	name := fmt.Sprintf("cli%d", time.Now().UnixNano()%1_000_000_000)
	if _, err := muster.CreateProject(t.Context(), "gh/"+name+"/site", api.NewProject{}); err != nil {
		t.Fatal(err)
	}
	c.does("setup --no-prompt --host "+url+" --token "+token, "Setup complete.")
	c.does("diagnostic", "OK, got a token.", "Hello, ")
	c.does("info org", name)
	organization := c.organization(name)
	c.does("namespace create "+name+" --no-prompt --org-id "+organization, "Namespace `"+name+"` created.")
	c.fails("namespace create another-"+name+" github "+name+" --no-prompt", "an organization has at most one")
	c.orbs(name)
	c.configs(name, organization)
	c.queries(name)
	c.does("admin rename-namespace "+name+" new-"+name+" --no-prompt", "is an alias for")
	c.does("orb source "+name+"/greet@1.0.0", "echo Hello")
	c.does("admin delete-namespace-alias " + name + " --no-prompt")
	c.fails("orb source "+name+"/greet@1.0.0", "was found")
	c.does("setup --no-prompt --host " + url + " --token wrong")
	c.fails("config validate", "That token is not known")
	c.fails("orb list", "That token is not known")
}

// organization finds an id as people find it.
func (c *circleCI) organization(name string) string {
	c.t.Helper()
	out, _ := c.run("info org --json", "")
	var list []struct{ ID, Name string }
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		c.t.Fatalf("%v in %s", err, out)
	}
	for _, o := range list {
		if o.Name == name {
			return o.ID
		}
	}
	c.t.Fatalf("%s is not in %s", name, out)
	return ""
}

const greetOrb = `version: 2.1
description: Greets people
commands:
  hello:
    parameters:
      to: {type: string, default: world}
    steps:
      - run: echo Hello << parameters.to >>
executors:
  base: {docker: [{image: "cimg/base:2024.01"}]}
jobs:
  greet:
    executor: base
    steps: [hello]
`

func (c *circleCI) orbs(namespace string) {
	c.t.Helper()
	greet, secret := namespace+"/greet", namespace+"/secret"
	c.write("orb.yml", greetOrb)
	c.write("broken.yml", "version: 2.1\ncommands:\n  x:\n    stepz: []\n")
	c.does("orb validate orb.yml", "Orb at `orb.yml` is valid.")
	c.fails("orb validate broken.yml", "extraneous key [stepz] is not permitted", "orb.yml:4:5")
	c.does("orb process orb.yml", "description: Greets people", "echo Hello << parameters.to >>")
	c.does("orb create "+greet+" --no-prompt", "Orb `"+greet+"` created.")
	c.does("orb create "+secret+" --private --no-prompt", "Orb `"+secret+"` created.")
	c.does("orb publish orb.yml "+greet+"@dev:first", "was published", "world-readable")
	c.does("orb publish promote "+greet+"@dev:first major", "was promoted to `"+greet+"@1.0.0`")
	c.does("orb publish increment orb.yml "+greet+" minor", "has been incremented to `"+greet+"@1.1.0`")
	c.does("orb publish orb.yml "+secret+"@0.1.0", "was published")
	c.fails("orb publish orb.yml "+greet+"@1.1.0", "a released version never changes")
	c.fails("orb publish broken.yml "+greet+"@2.0.0", "extraneous key [stepz] is not permitted")
	c.fails("orb publish orb.yml "+namespace+"/none@1.0.0", "There is no orb")
	c.does("orb list", greet+" (1.1.0)")
	c.does("orb list "+namespace, "Orbs found: 1.", greet+" (1.1.0)")
	c.does("orb list "+namespace+" --private --details", secret+" (0.1.0)", "hello: 1 parameter(s)")
	c.does("orb source "+greet+"@1", greetOrb)
	c.fails("orb source "+namespace+"/none", "no Orb")
	c.does("orb list-categories", "Testing")
	c.does("orb add-to-category "+greet+" Testing", "successfully added")
	c.fails("orb add-to-category "+greet+" Nonsense", "the 'Nonsense' category does not exist")
	c.does("orb info "+greet, "Latest: "+greet+"@1.1.0", "Total-revisions: 2", "Total-commands: 1", "## Categories:\nTesting")
	c.does("orb remove-from-category "+greet+" Testing", "successfully removed")
	c.does("orb unlist "+greet+" true", "is now disabled")
	c.does("orb list "+namespace, "Orbs found: 0.")
	c.does("orb unlist "+greet+" false", "is now enabled")
}

const greetConfig = `version: 2.1
parameters:
  deep: {type: boolean, default: false}
orbs:
  greet: %s
jobs:
  one:
    docker: [{image: "cimg/base:2024.01"}]
    steps:
      - greet/hello: {to: "number << pipeline.number >>"}
      - when:
          condition: << pipeline.parameters.deep >>
          steps: [run: echo deep]
workflows:
  main:
    jobs: [one, greet/greet]
`

func (c *circleCI) configs(namespace, organization string) {
	c.t.Helper()
	c.write(".circleci/config.yml", fmt.Sprintf(greetConfig, namespace+"/greet@1"))
	c.write("private.yml", fmt.Sprintf(greetConfig, namespace+"/secret@0.1"))
	c.write("bad.yml", "version: 2.1\njobs:\n  one:\n    docker: []\n    stepz: []\nworkflows:\n  main:\n    jobs: [two]\n")
	c.does("config validate", "Config file at .circleci/config.yml is valid.")
	c.does("config process .circleci/config.yml", "echo Hello number 1", "echo Hello world", "- greet/greet")
	c.write("parameters.yml", "deep: true\n")
	c.does("config process .circleci/config.yml --pipeline-parameters parameters.yml", "echo deep")
	c.fails("config validate private.yml", "Cannot find "+namespace+"/secret@0.1 in the orb registry")
	c.does("config validate private.yml --org-slug gh/"+namespace, "is valid")
	c.does("config validate private.yml --org-id "+organization, "is valid")
	c.fails("config validate bad.yml", "extraneous key [stepz] is not permitted", "config.yml:5:5", "Cannot find a definition for job named two")
}

func (c *circleCI) queries(namespace string) {
	c.t.Helper()
	for query, text := range map[string]string{
		`{ registryNamespace(name: "` + namespace + `") { orbs { totalCount } } }`: `"totalCount": 1`,
		"{ nothing }":                     `Cannot query field "nothing" on type "Query".`,
		"nonsense":                        "syntax error",
		"{ __schema { types { name } } }": "OrbVersion",
	} {
		if out, _ := c.run("query -", query); !strings.Contains(out, text) {
			c.t.Errorf("circleci query of %s does not say %q:\n%s", query, text, out)
		}
	}
}
