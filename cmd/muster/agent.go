// SPDX-License-Identifier: MPL-2.0

package main

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path"

	"github.com/muster-ci/muster/hcl/jobspec"
	"github.com/muster-ci/muster/hcl/settings"
	"github.com/muster-ci/muster/internal/agentfile"
)

// nomadAgent is the agent on Nomad's clients: the archive that output hands
// out, with the sum of our own copy of it; and where clients may carry the
// agent, the name that the one in the archive has there. The name tells the
// version, so that a client can only ever run the agent that we expect.
func nomadAgent(s settings.Cluster) (jobspec.Agent, error) {
	file, err := os.Open(s.Archive)
	if err != nil {
		return jobspec.Agent{}, fmt.Errorf("opening the agent's archive (cluster.archive): %w", err)
	}
	defer file.Close()
	sum := sha256.New()
	version, err := packedVersion(io.TeeReader(file, sum))
	if err != nil {
		return jobspec.Agent{}, fmt.Errorf("reading the agent's archive %s: %w", s.Archive, err)
	}
	agent := jobspec.Agent{Source: s.OutputURL[0] + archivePath, Checksum: fmt.Sprintf("sha256:%x", sum.Sum(nil))}
	if s.AgentDir != "" {
		agent.Path, agent.Version = path.Join(s.AgentDir, agentfile.FileName(version)), version
	}
	return agent, nil
}

// maxAgent bounds what is unpacked of an archive.
const maxAgent = 256 << 20

// packedVersion returns the version of the agent in an archive, and reads the
// archive to its end.
func packedVersion(archive io.Reader) (version string, err error) {
	unzipped, err := gzip.NewReader(archive)
	if err != nil {
		return "", err
	}
	files := tar.NewReader(io.LimitReader(unzipped, maxAgent))
	for {
		head, err := files.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return "", err
		}
		if path.Clean(head.Name) != agentfile.Program {
			continue
		}
		if version, err = agentfile.Version(files); err != nil {
			return "", err
		}
	}
	if version == "" {
		return "", fmt.Errorf("there is no %s in it", agentfile.Program)
	}
	_, err = io.Copy(io.Discard, archive)
	return version, err
}
