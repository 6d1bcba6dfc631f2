// SPDX-License-Identifier: MPL-2.0

package config

import (
	"fmt"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/config/document"
)

// readSetup reads `setup: true`: the config of a pipeline that another config
// is to continue.
func (c *compiler) readSetup() {
	at := c.root.Get("setup")
	if at == nil || at.Kind == document.Null {
		return
	}
	c.setup = c.boolean(at)
	if c.setup && c.request.Continuation {
		c.fail(at, "A setup config cannot continue a pipeline", "remove setup: true from the config that is given to the continuation")
	}
}

// checkSetup refuses a second workflow: a pipeline is continued once.
func (c *compiler) checkSetup(plan *core.Plan) {
	if !c.setup || len(plan.Workflows) < 2 {
		return
	}
	names := make([]string, 0, len(plan.Workflows))
	for _, w := range plan.Workflows {
		names = append(names, w.Name)
	}
	n := c.root.Get("workflows")
	c.fail(n.KeyAt(n.Find(names[1])), fmt.Sprintf("A setup config runs one workflow, but %d would run: %s", len(names), listed(names)),
		"give all but one a when: that is false, or put their jobs into one workflow")
}

// checkSchedule refuses the name of a schedule that the config has not.
func (c *compiler) checkSchedule(workflows []*workflow) {
	if c.request.Schedule == "" {
		return
	}
	var names []string
	for _, w := range workflows {
		if len(w.schedules) > 0 {
			names = append(names, w.name)
		}
		if len(w.schedules) > 0 && w.name == c.request.Schedule {
			return
		}
	}
	way := "the config has no workflow with triggers:"
	if len(names) > 0 {
		way = "the scheduled workflows are: " + listed(names)
	}
	c.fail(c.root.Get("workflows"), fmt.Sprintf("There is no scheduled workflow named %s", clip(c.request.Schedule)), way)
}
