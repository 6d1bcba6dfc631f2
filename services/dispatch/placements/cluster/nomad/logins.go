// SPDX-License-Identifier: MPL-2.0

package nomad

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/nomad/api"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/services/dispatch/placements/cluster"
)

// variables is the folder of Nomad's variables that the workload identity of a
// job may read without any policy: that of the job's id and what is below.
const variables = "nomad/jobs/"

// lent are the attempts whose logins this process has given to Nomad and not
// taken back. What another process lent is found by sweep.
type lent struct {
	mu       sync.Mutex
	attempts map[core.AttemptID]bool
}

// loginsOf returns the path of an attempt's logins, "" when it has none, and
// which of its images have one.
func loginsOf(p cluster.Placement) (path string, with []bool) {
	for i := range p.Spec.Plan.Executor.Images {
		with = append(with, p.Login(i) != nil)
		if with[i] {
			path = variables + string(p.Attempt.ID)
		}
	}
	return path, with
}

// lend writes an attempt's logins into a variable of its own, encrypted at rest
// by Nomad. It comes before the job, which would not find it otherwise.
func (c *Cluster) lend(ctx context.Context, p cluster.Placement) error {
	path, with := loginsOf(p)
	if path == "" {
		return nil
	}
	items := api.VariableItems{}
	for i := range with {
		login := p.Login(i)
		if login == nil {
			continue
		}
		for name, value := range map[string]string{"username": login.Username, "password": login.Password, "server": login.Server} {
			items[fmt.Sprintf("%s_%d", name, i)] = quote(value)
		}
	}
	c.lent.mu.Lock()
	if c.lent.attempts == nil {
		c.lent.attempts = map[core.AttemptID]bool{}
	}
	c.lent.attempts[p.Attempt.ID] = true
	c.lent.mu.Unlock()
	variable := &api.Variable{Namespace: c.cfg.Namespace, Path: path, Items: items}
	_, _, err := c.client.Variables().Update(variable, (&api.WriteOptions{}).WithContext(ctx))
	var answer api.UnexpectedResponseError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &answer) && answer.StatusCode() == http.StatusForbidden:
		return &cluster.Refusal{Reason: "Nomad does not let placements keep the login of the job's images in a variable: an operator runs muster bootstrap again"}
	default:
		return away("giving Nomad the login of the images", err)
	}
}

// quote writes a value as Nomad reads it back: it renders variables as lines of
// an environment file, in which quoted text has JSON's escapes.
func quote(value string) string {
	b, err := json.Marshal(value)
	if err != nil {
		return `""` // a text can always be encoded
	}
	return string(b)
}

// returned takes the logins of an attempt back if this process lent them.
func (c *Cluster) returned(ctx context.Context, id core.AttemptID) {
	c.lent.mu.Lock()
	has := c.lent.attempts[id]
	c.lent.mu.Unlock()
	if has {
		c.takeBack(ctx, id)
	}
}

// takeBack removes the logins of an attempt. What fails is left to sweep.
func (c *Cluster) takeBack(ctx context.Context, id core.AttemptID) {
	_, err := c.client.Variables().Delete(variables+string(id), (&api.WriteOptions{}).WithContext(ctx))
	if err != nil && !isNotFound(err) {
		c.deps.Logger.Warn("removing the login of a job's images failed, trying again", "attempt_id", id, "error", err)
		return
	}
	c.lent.mu.Lock()
	delete(c.lent.attempts, id)
	c.lent.mu.Unlock()
}

// sweep takes back the logins of attempts that have fetched their images, have
// ended, or are not there any more.
func (c *Cluster) sweep(ctx context.Context, list []cluster.Allocation) {
	found, _, err := c.client.Variables().PrefixList(variables+prefix, (&api.QueryOptions{}).WithContext(ctx))
	if err != nil {
		c.deps.Logger.Debug("Nomad does not list the logins of images", "error", err)
		return
	}
	if len(found) == 0 {
		return
	}
	waits := map[core.AttemptID]bool{}
	for _, a := range list {
		waits[a.Attempt] = a.State == cluster.Pending
	}
	for _, v := range found {
		id := core.AttemptID(strings.TrimPrefix(v.Path, variables))
		if cluster.IsAttempt(string(id)) && !waits[id] && !c.young(v) {
			c.takeBack(ctx, id)
		}
	}
}

// loginAge is how long a login may be there before its job: the list of jobs
// that sweep compares with is a moment older than that of variables.
const loginAge = 5 * time.Minute

func (c *Cluster) young(v *api.VariableMetadata) bool {
	return time.Since(time.Unix(0, v.CreateTime)) < loginAge
}
