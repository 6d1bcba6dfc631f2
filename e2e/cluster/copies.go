// SPDX-License-Identifier: MPL-2.0

package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
)

// copiesDir makes and returns the folder where a client keeps copies of parts of
// caches and workspaces.
func (c *Cluster) copiesDir(client string) (string, error) {
	dir := filepath.Join(c.Dir, "copies", client)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("making the folder of copies: %w", err)
	}
	return dir, os.Chmod(dir, 0o777|os.ModeSticky)
}

func (c *Cluster) templateDir() string { return filepath.Join(c.Dir, "tasks") }

// templates writes the templates of build jobs that the cluster uses: those of
// the checkout, edited so that each client names its own folder of copies for
// machine builds. Here two clients stand on one machine.
func (c *Cluster) templates() error {
	if err := os.MkdirAll(c.templateDir(), 0o755); err != nil {
		return fmt.Errorf("making the folder of templates: %w", err)
	}
	for _, name := range []string{"docker.nomad.hcl", "machine.nomad.hcl"} {
		text, err := os.ReadFile(filepath.Join(c.Root, "jobs", "tasks", name))
		if err != nil {
			return fmt.Errorf("reading a template: %w", err)
		}
		text = bytes.ReplaceAll(text, []byte("= muster.copies.dir\n"), []byte("= \"${meta.muster_copies}\"\n"))
		if err := os.WriteFile(filepath.Join(c.templateDir(), name), text, 0o644); err != nil {
			return fmt.Errorf("writing a template: %w", err)
		}
	}
	return nil
}

// Placing is where Nomad put an attempt, and what it gave each client that it
// looked at for the affinity.
type Placing struct {
	Client   string
	Affinity map[string]float64 // by name of the client
}

// Placed asks where Nomad put an attempt.
func (c *Cluster) Placed(ctx context.Context, attempt string) (Placing, error) {
	var allocs []struct{ ID, NodeName string }
	path := "/v1/allocations?namespace=muster-builds&filter=" + url.QueryEscape(fmt.Sprintf("JobID == %q", attempt))
	if err := c.read(ctx, path, &allocs); err != nil {
		return Placing{}, err
	}
	if len(allocs) != 1 {
		return Placing{}, fmt.Errorf("Nomad knows %d allocations of %s, want one", len(allocs), attempt)
	}
	var alloc struct {
		Metrics struct {
			ScoreMetaData []struct {
				NodeID string
				Scores map[string]float64
			}
		}
	}
	if err := c.read(ctx, "/v1/allocation/"+allocs[0].ID, &alloc); err != nil {
		return Placing{}, err
	}
	var nodes []struct{ ID, Name string }
	if err := c.read(ctx, "/v1/nodes", &nodes); err != nil {
		return Placing{}, err
	}
	placing := Placing{Client: allocs[0].NodeName, Affinity: map[string]float64{}}
	for _, score := range alloc.Metrics.ScoreMetaData {
		for _, node := range nodes {
			if node.ID == score.NodeID {
				placing.Affinity[node.Name] = score.Scores["node-affinity"]
			}
		}
	}
	return placing, nil
}

// read asks Nomad's API.
func (c *Cluster) read(ctx context.Context, path string, into any) error {
	out, err := c.Nomad(ctx, "operator", "api", path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(out), into); err != nil {
		return fmt.Errorf("reading Nomad's answer to %s: %w", path, err)
	}
	return nil
}
