// SPDX-License-Identifier: MPL-2.0

package config

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/config/document"
)

// schedule is one time table of a workflow that runs by the clock, in place of
// running on a push.
type schedule struct {
	cron     string
	branches *filterRule
}

var (
	triggerKeys        = keySet{permitted: []string{"schedule"}, required: []string{"schedule"}}
	scheduleKeys       = keySet{permitted: []string{"cron", "filters"}, required: []string{"cron", "filters"}}
	scheduleFilterKeys = keySet{permitted: []string{"branches"}, required: []string{"branches"}}
)

// schedules reads `triggers`.
func (c *compiler) schedules(n *document.Node) []schedule {
	if n = c.substitute(n, scope{}); n == nil || n.Kind == document.Null {
		return nil
	}
	if n.Kind != document.List {
		c.wrongType(n, document.List)
		return nil
	}
	if c.setup && len(n.Items) > 0 {
		c.fail(n, "A setup config cannot hold scheduled workflows", "move the workflow into the config that continues, or schedule the pipeline in the project's triggers")
	}
	var list []schedule
	for _, item := range n.Items {
		if !c.fields(item, triggerKeys) || item.Get("schedule") == nil || !c.fields(item.Get("schedule"), scheduleKeys) {
			continue
		}
		at := item.Get("schedule")
		list = append(list, schedule{cron: c.cron(at.Get("cron")), branches: c.scheduleBranches(at.Get("filters"))})
	}
	return list
}

// scheduleBranches reads on which branches the schedule counts. Of `only` and
// `ignore` the first wins, unlike in the filters of a job.
func (c *compiler) scheduleBranches(n *document.Node) *filterRule {
	if n == nil || !c.fields(n, scheduleFilterKeys) || n.Get("branches") == nil {
		return nil
	}
	rule := c.filterRule(n.Get("branches"))
	if rule == nil {
		c.fail(n.Get("branches"), "The branches of a schedule need only or ignore", "write only: main")
		return nil
	}
	if len(rule.only) > 0 && len(rule.ignore) > 0 {
		c.warn(n.Get("branches"), "A schedule with only pays no heed to ignore", "remove ignore")
		rule.ignore = nil
	}
	return rule
}

// cronFields are the five fields of a crontab line.
var cronFields = []struct {
	name        string
	least, most int
	days        bool // of the week: no ranges
}{
	{name: "minute", most: 59},
	{name: "hour", most: 23},
	{name: "day of the month", least: 1, most: 31},
	{name: "month", least: 1, most: 12},
	{name: "day of the week", most: 7, days: true},
}

// cron checks the times: five fields, each a star, a number, a range or a list
// of numbers.
func (c *compiler) cron(n *document.Node) string {
	text := c.text(n)
	if n == nil || n.Kind != document.String {
		return ""
	}
	fields := strings.Fields(text)
	if len(fields) != len(cronFields) {
		c.fail(n, fmt.Sprintf("%q is not a cron expression: it has %d fields in place of five", clip(text), len(fields)),
			"write minute, hour, day of the month, month and day of the week: \"0 3 * * *\" is every day at three, UTC")
		return ""
	}
	for i, field := range fields {
		if way := cronMistake(field, i); way != "" {
			c.fail(n, fmt.Sprintf("%q is not a %s of a cron expression", clip(field), cronFields[i].name), way)
			return ""
		}
	}
	return strings.Join(fields, " ")
}

// cronMistake returns the way out of what is wrong with a field, "" when
// nothing is.
func cronMistake(field string, at int) string {
	f := cronFields[at]
	switch {
	case field == "*":
		return ""
	case strings.Contains(field, "/"):
		return "steps are not supported; list the numbers: 0,20,40"
	case strings.Contains(field, ",") && strings.Contains(field, "-"), f.days && strings.Contains(field, "-"):
		return "ranges of days, or within a list, are not supported; list the numbers: 1,2,3,4,5"
	}
	numbers := strings.Split(field, ",")
	isRange := len(numbers) == 1 && strings.Contains(field, "-")
	if isRange {
		numbers = strings.SplitN(field, "-", 2)
	}
	before := -1
	for _, text := range numbers {
		number, err := strconv.Atoi(text)
		if err != nil || text[0] == '+' || number < f.least || number > f.most || isRange && number < before {
			return fmt.Sprintf("write *, or numbers from %d to %d", f.least, f.most)
		}
		before = number
	}
	return ""
}

// schedulePlans returns what the plan says of a scheduled workflow.
func (w *workflow) schedulePlans(p core.WorkflowPlan) []core.SchedulePlan {
	plans := make([]core.SchedulePlan, 0, len(w.schedules))
	for _, s := range w.schedules {
		plans = append(plans, core.SchedulePlan{
			Workflow: p, Cron: s.cron, Only: patternTexts(s.branches.only), Ignore: patternTexts(s.branches.ignore),
		})
	}
	return plans
}

func patternTexts(list []namePattern) []string {
	if len(list) == 0 {
		return nil
	}
	texts := make([]string, 0, len(list))
	for _, p := range list {
		texts = append(texts, p.text)
	}
	return texts
}
