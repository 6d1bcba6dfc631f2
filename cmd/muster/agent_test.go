// SPDX-License-Identifier: MPL-2.0

package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/hcl/jobspec"
	"github.com/muster-ci/muster/hcl/settings"
	"github.com/muster-ci/muster/internal/agentfile"
)

// packAgent writes an archive of one file and returns its path and its bytes.
func packAgent(t *testing.T, name, content string) (path string, archive []byte) {
	t.Helper()
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	w := tar.NewWriter(zip)
	if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(content))}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "agent.tar.gz")
	if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path, out.Bytes()
}

// TestNomadAgentNamesTheOneInTheArchive has what clients carry and what the
// archive holds be the same agent, by name.
func TestNomadAgentNamesTheOneInTheArchive(t *testing.T) {
	t.Parallel()
	binary := strings.Repeat("an agent ", 10_000)
	path, archive := packAgent(t, "./muster-agent", binary)
	version, err := agentfile.Version(strings.NewReader(binary))
	if err != nil {
		t.Fatal(err)
	}
	want := jobspec.Agent{Source: "http://output:8585/agent/v1/muster-agent.tar.gz", Checksum: fmt.Sprintf("sha256:%x", sha256.Sum256(archive))}
	for _, dir := range []string{"", "/opt/muster/bin"} {
		if dir != "" {
			want.Path, want.Version = dir+"/muster-agent-"+version, version
		}
		got, err := nomadAgent(settings.Cluster{Archive: path, AgentDir: dir, OutputURL: []string{"http://output:8585"}})
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("folder %q: %v (-want +got):\n%s", dir, err, diff)
		}
	}
}

func TestNomadAgentSaysWhatIsWrongWithTheArchive(t *testing.T) {
	t.Parallel()
	other, _ := packAgent(t, "something-else", "x")
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("no archive"), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		other:                                "there is no muster-agent in it",
		text:                                 "gzip",
		filepath.Join(t.TempDir(), "absent"): "cluster.archive",
	} {
		_, err := nomadAgent(settings.Cluster{Archive: path, OutputURL: []string{"http://output:8585"}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
}
