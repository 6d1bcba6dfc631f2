// SPDX-License-Identifier: MPL-2.0

package config

import (
	"regexp"
	"strings"
	"time"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/config/document"
)

var runKeys = keySet{
	permitted: []string{
		"auto_rerun_delay", "background", "command", "environment", "max_auto_reruns", "name", "no_output_timeout",
		"shell", "when", "working_directory",
	},
	required: []string{"command"},
}

// run reads the short form (a command) or the long one.
func (c *compiler) run(n, place *document.Node) (core.StepPlan, bool) {
	return c.runStep("run", n, place)
}

// deploy reads the old form of run.
func (c *compiler) deploy(n, place *document.Node) (core.StepPlan, bool) {
	c.warn(place, "The `deploy` step is deprecated", "write run instead of deploy; in a job with parallelism, move it into a job of its own that requires this one")
	plan, ok := c.runStep("deploy", n, place)
	if ok {
		plan.Run.Deploy = true
	}
	return plan, ok
}

func (c *compiler) runStep(kind string, n, place *document.Node) (core.StepPlan, bool) {
	if n == nil || n.Kind == document.Null {
		c.fail(place, "a "+kind+" step needs a command", "write - "+kind+": command; the keys of a long "+kind+" step stand two spaces further in")
		return core.StepPlan{}, false
	}
	if n.Kind == document.String {
		return c.runPlan(n, &core.RunStep{Command: n.Text}, n.Text)
	}
	if n.IsScalar() {
		c.wrongType(n, document.String)
		return core.StepPlan{}, false
	}
	known := c.options(kind, n, place, runKeys)
	if at := n.Get("command"); at != nil && at.Kind == document.List {
		c.fail(at, "expected type: String, found: Sequence", "write one text; command: | begins a text of several lines")
		return core.StepPlan{}, false
	}
	step := &core.RunStep{
		Command:          c.text(n.Get("command")),
		Shell:            c.shell(n.Get("shell")),
		Environment:      c.environment(n.Get("environment")),
		Background:       c.boolean(n.Get("background")),
		WorkingDirectory: c.text(n.Get("working_directory")),
		NoOutputTimeout:  c.duration(n.Get("no_output_timeout"), 24*time.Hour),
		When:             c.when(n),
		MaxAutoReruns:    c.integer(n.Get("max_auto_reruns"), 1, 5),
	}
	c.reruns(n, step)
	name := c.text(n.Get("name"))
	if !known || n.Get("command") == nil {
		return core.StepPlan{}, false
	}
	return c.runPlan(n.Get("command"), step, name)
}

var rerunDelayForm = regexp.MustCompile(`^(?:(10|[1-9])m|[1-9][0-9]*s)$`)

// reruns reads the delay between reruns and checks what goes with them.
func (c *compiler) reruns(n *document.Node, step *core.RunStep) {
	delay, reruns := n.Get("auto_rerun_delay"), n.Get("max_auto_reruns")
	if delay != nil && !rerunDelayForm.MatchString(delay.Text) {
		c.fail(delay, "auto_rerun_delay must be in the format of 1-10 minutes (e.g., '1m', '10m') or any number of seconds (e.g., '30s', '120s')", "")
	} else {
		step.AutoRerunDelay = c.duration(delay, 10*time.Minute)
	}
	if delay != nil && reruns == nil {
		c.fail(delay, "auto_rerun_delay requires max_auto_reruns to be specified", "add max_auto_reruns: 1, up to 5")
	}
	for _, at := range []*document.Node{reruns, delay} {
		if at != nil && step.Background {
			c.fail(at, "Background steps cannot use max_auto_reruns or auto_rerun_delay fields", "remove it, or remove background")
		}
	}
}

func (c *compiler) runPlan(command *document.Node, step *core.RunStep, name string) (core.StepPlan, bool) {
	if strings.TrimSpace(step.Command) == "" {
		if command.Kind == document.String {
			c.fail(command, "the command is empty", "write what the step runs")
		}
		return core.StepPlan{}, false
	}
	c.text(command)
	if strings.TrimSpace(name) == "" {
		name = step.Command
	}
	return core.StepPlan{Kind: core.StepRun, Name: name, Run: step}, true
}

// shell reads a command line, or its words as a list.
func (c *compiler) shell(n *document.Node) string {
	if n == nil || n.Kind != document.List {
		return c.text(n)
	}
	words := make([]string, 0, len(n.Items))
	for _, item := range n.Items {
		word := c.filled(item)
		if strings.ContainsAny(word, " \t\n'\"\\") {
			word = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}
