// SPDX-License-Identifier: MPL-2.0

package agentfile

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Program is the name of the agent's binary, in archives and image layers.
const Program = "muster-agent"

// FileName is what an agent of a version is called where clients carry it.
// Several may lie side by side, so that clients can be given the next one
// before the control plane asks for it.
func FileName(version string) string { return Program + "-" + version }

// Version names an agent by its bytes: no two builds share one, whatever they
// say of themselves.
func Version(binary io.Reader) (string, error) {
	sum := sha256.New()
	if _, err := io.Copy(sum, binary); err != nil {
		return "", fmt.Errorf("reading the agent: %w", err)
	}
	return hex.EncodeToString(sum.Sum(nil))[:12], nil
}

// Install copies an agent into a folder under its FileName and returns its
// version. The file is there wholly or not at all; one that is there already
// stays, since builds may be running it.
func Install(binary, dir string) (version string, err error) {
	source, err := os.Open(binary)
	if err != nil {
		return "", fmt.Errorf("opening the agent: %w", err)
	}
	defer source.Close()
	if version, err = Version(source); err != nil {
		return "", err
	}
	target := filepath.Join(dir, FileName(version))
	if _, err := os.Stat(target); err == nil {
		return version, nil
	}
	if _, err := source.Seek(0, io.SeekStart); err != nil {
		return "", fmt.Errorf("reading the agent again: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("making the folder of agents: %w", err)
	}
	return version, place(source, target)
}

// place writes beside the target first and gives it its name last.
func place(source io.Reader, target string) error {
	fresh, err := os.CreateTemp(filepath.Dir(target), ".muster-agent-*")
	if err != nil {
		return fmt.Errorf("writing the agent: %w", err)
	}
	defer os.Remove(fresh.Name()) // gone already when all went well
	_, err = io.Copy(fresh, source)
	if err == nil {
		err = fresh.Chmod(0o755)
	}
	if err == nil {
		err = fresh.Sync()
	}
	if closeErr := fresh.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(fresh.Name(), target)
	}
	if err != nil {
		return fmt.Errorf("writing the agent: %w", err)
	}
	return nil
}
