// SPDX-License-Identifier: MPL-2.0

package agentfile_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/muster-ci/muster/internal/agentfile"
)

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "agent")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestInstallNamesTheFileAfterItsBytes(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "agents")
	one, two := write(t, "#!/bin/sh\necho one\n"), write(t, "#!/bin/sh\necho two\n")
	versions := map[string]bool{}
	for _, binary := range []string{one, two, one} {
		version, err := agentfile.Install(binary, dir)
		if err != nil {
			t.Fatal(err)
		}
		versions[version] = true
		want, err := os.ReadFile(binary)
		if err != nil {
			t.Fatal(err)
		}
		target := filepath.Join(dir, agentfile.FileName(version))
		if got, err := os.ReadFile(target); err != nil || string(got) != string(want) {
			t.Errorf("%s holds %q, %v; want %q", target, got, err, want)
		}
		if info, err := os.Stat(target); err != nil || info.Mode().Perm() != 0o755 {
			t.Errorf("%s: %v, %v; want it to run", target, info.Mode(), err)
		}
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 2 || len(versions) != 2 {
		t.Errorf("the folder holds %v (%v) of versions %v, want two files and nothing half written", files, err, versions)
	}
}

// One that builds may be running is not written anew.
func TestInstallLeavesWhatIsThere(t *testing.T) {
	t.Parallel()
	dir, binary := t.TempDir(), write(t, "agent")
	version, err := agentfile.Install(binary, dir)
	if err != nil {
		t.Fatal(err)
	}
	before, err := os.Stat(filepath.Join(dir, agentfile.FileName(version)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := agentfile.Install(binary, dir); err != nil {
		t.Fatal(err)
	}
	after, err := os.Stat(filepath.Join(dir, agentfile.FileName(version)))
	if err != nil || !os.SameFile(before, after) {
		t.Errorf("the file was replaced (%v)", err)
	}
}

func TestInstallSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	_, err := agentfile.Install(filepath.Join(t.TempDir(), "none"), t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "opening the agent") {
		t.Errorf("got %v", err)
	}
}
