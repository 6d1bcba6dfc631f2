// SPDX-License-Identifier: MPL-2.0

//go:build orbs

package e2e_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestPublishedOrbsContinueAPipeline runs CircleCI's own orbs as they are
// published. MUSTER_TEST_ORBS names a folder with checkouts of their
// repositories, continuation-orb, path-filtering-orb and jq-orb; the second one
// wants yq (version 4) on PATH, or it would download it.
func TestPublishedOrbsContinueAPipeline(t *testing.T) {
	sources := os.Getenv("MUSTER_TEST_ORBS")
	if sources == "" {
		t.Fatal("MUSTER_TEST_ORBS names no folder with continuation-orb, path-filtering-orb and jq-orb")
	}
	if _, err := exec.LookPath("yq"); err != nil {
		t.Fatal("yq is needed on PATH")
	}
	e := newEmbedded(t, "--tls")
	dir := t.TempDir()
	for repository, as := range map[string]string{
		"continuation-orb": "continuation@2.0.1", "path-filtering-orb": "path-filtering@3.0.0", "jq-orb": "jq@3.0.2",
	} {
		if err := os.CopyFS(filepath.Join(dir, "orbs", "circleci", as), os.DirFS(filepath.Join(sources, repository, "src"))); err != nil {
			t.Fatal(err)
		}
	}
	e.muster(t, dir, "orb", "import", "orbs")
	e.continues(t, `version: 2.1
setup: true
orbs: {paths: circleci/path-filtering@3}
executors: {host: {machine: true}}
workflows:
  setup:
    jobs:
      - paths/filter:
          executor: host
          resource_class: medium
          circleci_domain: `+e.domain(t)+`
          config-path: .circleci/more.yml
          mapping: |
            docs/.* docs true
            src/.* code true
`, "Comparing ")
	e.continues(t, `version: 2.1
setup: true
orbs: {onward: circleci/continuation@2}
executors: {host: {machine: true}}
workflows:
  setup:
    jobs:
      - onward/continue:
          executor: host
          resource_class: medium
          circleci_domain: `+e.domain(t)+`
          configuration_path: .circleci/more.yml
          parameters: '{"docs": true}'
`)
}
