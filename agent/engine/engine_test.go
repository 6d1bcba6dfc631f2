// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestCommand(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		image []string
		want  string
	}{
		"docker:dind": {[]string{"dockerd", "docker-init", "dockerd-entrypoint.sh"}, "/bin/dockerd-entrypoint.sh dockerd --host=tcp://a --host=unix:///var/run/docker.sock --debug"},
		"with init":   {[]string{"dockerd", "docker-init"}, "/bin/docker-init -- dockerd --host=tcp://a --host=unix:///var/run/docker.sock --debug"},
		"alone":       {[]string{"dockerd"}, "/bin/dockerd --host=tcp://a --host=unix:///var/run/docker.sock --debug"},
		"none":        {nil, ""},
	} {
		words, err := command("tcp://a", []string{"--debug"}, func(program string) (string, error) {
			if !slices.Contains(tt.image, program) {
				return "", os.ErrNotExist
			}
			return "/bin/" + program, nil
		})
		if got := strings.Join(words, " "); got != tt.want || (err != nil) != (tt.want == "") {
			t.Errorf("%s: got %q, %v, want %q", name, got, err, tt.want)
		}
	}
}

func TestNest(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	if err := nest(root); err != nil {
		t.Errorf("version 1: %v", err)
	}
	for name, text := range map[string]string{"cgroup.controllers": "cpu memory pids\n", "cgroup.procs": "1\n7\n"} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := nest(root); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"init/cgroup.procs": "1\n7\n", "cgroup.subtree_control": "+cpu +memory +pids\n"} {
		if got, err := os.ReadFile(filepath.Join(root, name)); err != nil || string(got) != want {
			t.Errorf("%s: got %q, %v, want %q", name, got, err, want)
		}
	}
}
