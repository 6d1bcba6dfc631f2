// SPDX-License-Identifier: MPL-2.0

package config

import (
	"encoding/json"
	"fmt"
	"strconv"

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

// checkContinues compares the declared pipeline parameters with those of the
// setup config that this one continues: a value that the trigger gave, or left
// out, means the same in both. A config without workflows only ends the
// pipeline and needs none.
func (c *compiler) checkContinues(workflows []*workflow) {
	if !c.request.Continuation || len(workflows) == 0 {
		return
	}
	own := make(map[string]parameter, len(c.declared))
	for _, p := range c.declared {
		own[p.name] = p
	}
	for _, wanted := range c.request.SetupParameters {
		p, ok := own[wanted.Name]
		value := asJSON(wanted.Default)
		switch {
		case !ok:
			c.fail(c.root.Get("parameters"), fmt.Sprintf("The setup config declares the pipeline parameter %s, and this config does not", clip(wanted.Name)),
				"declare it here too, with default: "+clip(value))
		case asJSON(defaultValue(p)) != value:
			c.fail(p.place, fmt.Sprintf("The pipeline parameter %s has another default than in the setup config", clip(wanted.Name)),
				"write default: "+clip(value)+", as there")
		}
	}
}

// declaredParameters is what a continuation has to declare again.
func (c *compiler) declaredParameters() []core.PipelineParameter {
	var list []core.PipelineParameter
	for _, p := range c.declared {
		list = append(list, core.PipelineParameter{Name: p.name, Default: defaultValue(p)})
	}
	return list
}

// defaultValue is the default of a pipeline parameter as JSON carries it.
func defaultValue(p parameter) any {
	switch p.kind {
	case "boolean":
		value, _ := p.fallback.AsBool()
		return value
	case "integer":
		if value, err := strconv.ParseInt(p.fallback.Text, 0, 64); err == nil {
			return value
		}
	}
	return p.fallback.Text
}

// asJSON makes values comparable, whether or not they have been on the wire.
func asJSON(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(text)
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
