// SPDX-License-Identifier: MPL-2.0

package docker

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/services/dispatch/placements/cluster"
)

// record is the file of an attempt, written whole each time, by rename.
//
//	(launching) ──► started ──► ended
//	     └───────────────────────┘
type record struct {
	Attempt    core.AttemptID     `json:"attempt_id"`
	Allocation string             `json:"allocation_id"`
	Images     []core.DockerImage `json:"images"`
	Class      core.ResourceClass `json:"class"`
	Created    time.Time          `json:"created_at"`
	SSHPort    uint16             `json:"ssh_port,omitempty"` // on the host and in the container
	Engine     string             `json:"engine,omitempty"`   // image of the job's own Docker engine
	Layers     string             `json:"layers,omitempty"`   // who shares what it keeps, see cluster.Placement
	// Containers are told of as they come; Entrypoint is known once the primary
	// image is here.
	Containers []core.Container `json:"containers,omitempty"`
	Entrypoint []string         `json:"entrypoint,omitempty"`

	Doing   string       `json:"doing,omitempty"` // while it is being launched
	Started bool         `json:"started,omitempty"`
	Ended   bool         `json:"ended,omitempty"`
	Stopped bool         `json:"stopped,omitempty"` // all but the agent's container, after that has ended
	Purging bool         `json:"purging,omitempty"`
	Kind    cluster.Kind `json:"kind,omitempty"`
	Reason  string       `json:"reason,omitempty"`
}

// last is the index of the last container: that of the job's own engine, where
// it has one, else that of the last image.
func (r *record) last() int {
	if r.Engine != "" {
		return len(r.Images)
	}
	return len(r.Images) - 1
}

func (r *record) allocation(node string) cluster.Allocation {
	a := cluster.Allocation{Attempt: r.Attempt, ID: r.Allocation, Node: node, Created: r.Created, State: cluster.Pending, Reason: r.Doing,
		Containers: slices.Clone(r.Containers), Entrypoint: r.Entrypoint}
	switch {
	case r.Ended:
		a.State, a.Kind, a.Reason = cluster.Ended, r.Kind, r.Reason
	case r.Started:
		a.State, a.Reason = cluster.Running, ""
	}
	return a
}

const suffix = ".json"

func (c *Cluster) file(id core.AttemptID) string {
	return filepath.Join(c.cfg.Dir, string(id)+suffix)
}

func (c *Cluster) save(r *record) error {
	return cluster.WriteState(c.file(r.Attempt), r)
}

// load reads the records that an earlier process left.
func (c *Cluster) load() error {
	if err := os.MkdirAll(c.cfg.Dir, 0o700); err != nil {
		return fmt.Errorf("making the folder of attempts: %w", err)
	}
	entries, err := os.ReadDir(c.cfg.Dir)
	if err != nil {
		return fmt.Errorf("reading the folder of attempts: %w", err)
	}
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), suffix)
		if !ok || !cluster.IsAttempt(name) {
			continue
		}
		b, err := os.ReadFile(c.file(core.AttemptID(name)))
		if err != nil {
			return fmt.Errorf("reading the state of %s: %w", name, err)
		}
		r := &record{}
		if err := json.Unmarshal(b, r); err != nil || string(r.Attempt) != name {
			return fmt.Errorf("%s holds no state of an attempt: %w", c.file(core.AttemptID(name)), err)
		}
		c.runs[r.Attempt] = r
	}
	return nil
}

func (c *Cluster) remove(id core.AttemptID) error {
	err := os.Remove(c.file(id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
