// SPDX-License-Identifier: MPL-2.0

package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"
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

// allocation is what an event of Nomad's tells of one.
type allocation struct {
	NodeName string
	Metrics  struct {
		ScoreMetaData []struct {
			NodeID string
			Scores map[string]float64
		}
	}
}

// Placed tells where Nomad put an attempt, also one whose job has been purged
// with all of its allocations: the server's buffer of events holds them.
func (c *Cluster) Placed(ctx context.Context, attempt string) (Placing, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	found, err := c.allocationOf(ctx, attempt)
	if err != nil {
		return Placing{}, fmt.Errorf("looking for the allocation of %s: %w", attempt, err)
	}
	placing := Placing{Client: found.NodeName, Affinity: map[string]float64{}}
	for _, name := range []string{FirstClient, SecondClient} {
		id, _, err := c.node(ctx, name)
		if err != nil {
			return Placing{}, err
		}
		for _, score := range found.Metrics.ScoreMetaData {
			if score.NodeID == id {
				placing.Affinity[name] = score.Scores["node-affinity"]
			}
		}
	}
	return placing, nil
}

// allocationOf follows the events about an attempt from the oldest on, until one
// has an allocation that was placed.
func (c *Cluster) allocationOf(ctx context.Context, attempt string) (allocation, error) {
	url := NomadAddress + "/v1/event/stream?namespace=muster-builds&index=1&topic=Allocation:" + attempt
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return allocation{}, err
	}
	request.Header.Set("X-Nomad-Token", c.nomadToken)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return allocation{}, err
	}
	defer response.Body.Close()
	for events := json.NewDecoder(response.Body); ; {
		var batch struct {
			Events []struct {
				Payload struct{ Allocation allocation }
			}
		}
		if err := events.Decode(&batch); err != nil {
			return allocation{}, err
		}
		for _, event := range batch.Events {
			if found := event.Payload.Allocation; found.NodeName != "" {
				return found, nil
			}
		}
	}
}
