// SPDX-License-Identifier: MPL-2.0

package process

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/services/dispatch/placements/cluster"
)

// record is state.json. It is written whole each time, by rename.
//
//	prepared ──► started ──► ended
//
// A folder that is only prepared belongs to a parent that died at the worst
// moment: its agent may or may not have been started.
type record struct {
	Attempt    core.AttemptID `json:"attempt_id"`
	Allocation string         `json:"allocation_id"`
	PID        int            `json:"pid,omitempty"`
	Start      string         `json:"start,omitempty"` // see startOf
	Ended      bool           `json:"ended,omitempty"`
	Kind       cluster.Kind   `json:"kind,omitempty"`
	Reason     string         `json:"reason,omitempty"`
	Created    time.Time      `json:"created_at"`
	SSH        bool           `json:"ssh,omitempty"`    // somebody may log in
	StopAt     time.Time      `json:"stop_at,omitzero"` // SIGTERM was sent
}

func (r *record) allocation(node string) cluster.Allocation {
	a := cluster.Allocation{
		Attempt: r.Attempt, ID: r.Allocation, Node: node, State: cluster.Running,
		Kind: r.Kind, Reason: r.Reason, Created: r.Created,
	}
	switch {
	case r.Ended:
		a.State = cluster.Ended
	case r.PID == 0:
		a.State = cluster.Pending
	}
	return a
}

func (c *Cluster) folder(id core.AttemptID) string { return filepath.Join(c.cfg.Dir, string(id)) }

func (c *Cluster) save(r *record) error {
	return cluster.WriteState(filepath.Join(c.folder(r.Attempt), "state.json"), r)
}

// load reads the folders that an earlier parent left.
func (c *Cluster) load() error {
	if err := os.MkdirAll(c.cfg.Dir, 0o700); err != nil {
		return fmt.Errorf("making the folder of attempts: %w", err)
	}
	entries, err := os.ReadDir(c.cfg.Dir)
	if err != nil {
		return fmt.Errorf("reading the folder of attempts: %w", err)
	}
	for _, e := range entries {
		if !e.IsDir() || !cluster.IsAttempt(e.Name()) {
			continue
		}
		r, err := c.read(core.AttemptID(e.Name()))
		if err != nil {
			return fmt.Errorf("reading the state of %s: %w", e.Name(), err)
		}
		c.attach(r)
		c.runs[r.Attempt] = &run{record: *r}
	}
	return nil
}

// read returns the record of a folder. One without a record was only just made
// when its parent died: nothing was started in it.
func (c *Cluster) read(id core.AttemptID) (*record, error) {
	b, err := os.ReadFile(filepath.Join(c.folder(id), "state.json"))
	if errors.Is(err, fs.ErrNotExist) {
		r := &record{Attempt: id, Allocation: c.deps.NewID(), Created: c.deps.Clock()}
		r.end(cluster.Start, "Muster was stopped before it could start the agent")
		return r, c.save(r)
	}
	if err != nil {
		return nil, err
	}
	r := &record{}
	if err := json.Unmarshal(b, r); err != nil || r.Attempt != id {
		return nil, fmt.Errorf("%s holds no state of this attempt: %w", filepath.Join(c.folder(id), "state.json"), err)
	}
	return r, nil
}

// attach finds out what became of a run while nobody watched.
func (c *Cluster) attach(r *record) {
	if r.Ended {
		return
	}
	if r.PID == 0 {
		// Started or not? An agent that was has its folder in its environment.
		if r.PID = leaderIn(c.folder(r.Attempt)); r.PID != 0 {
			r.Start = startOf(r.PID)
		}
	}
	if r.PID == 0 || startOf(r.PID) != r.Start {
		r.end(cluster.None, "the agent ended while Muster was not running")
	}
	if err := c.save(r); err != nil {
		c.deps.Logger.Warn("failed to write the state of a run", "attempt_id", r.Attempt, "error", err)
	}
}

func (r *record) end(kind cluster.Kind, reason string) {
	r.Ended, r.Kind, r.Reason = true, kind, reason
}

// removeFolder deletes a folder. Builds leave folders without write permission
// in it (Go's module cache is one), which have to be opened first.
func removeFolder(path string) error {
	if os.RemoveAll(path) == nil {
		return nil
	}
	_ = filepath.WalkDir(path, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			_ = os.Chmod(path, 0o700)
		}
		return nil
	})
	return os.RemoveAll(path)
}
