// SPDX-License-Identifier: MPL-2.0

package config

import (
	"fmt"
	"strings"
	"time"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/config/document"
)

// steps expands a list of steps whose references are replaced. depth counts the
// commands around it.
func (c *compiler) steps(n *document.Node, depth int) []core.StepPlan {
	if n == nil {
		return nil
	}
	if n.Kind != document.List {
		c.wrongType(n, document.List)
		return nil
	}
	defer c.enter(c.ownerOf(n))()
	plans := make([]core.StepPlan, 0, len(n.Items))
	for _, item := range n.Items {
		plans = c.step(plans, item, depth)
	}
	return plans
}

// step expands one step, which is a name or a mapping with one key. A command
// of the file wins over a built-in step of the same name.
func (c *compiler) step(plans []core.StepPlan, n *document.Node, depth int) []core.StepPlan {
	name, arguments, place := n.Text, (*document.Node)(nil), n
	switch {
	case n.Kind == document.String:
	case n.Kind == document.Map && len(n.Keys) == 1:
		name, arguments, place = n.Keys[0].Text, n.Items[0], n.KeyAt(0)
	case n.Kind == document.Map && len(n.Keys) > 1:
		c.manyKeys(n)
		return plans
	default:
		c.fail(n, "expected a step, found: "+n.Kind.String(), "write - checkout, or - run: command")
		return plans
	}
	if d := c.command(name); d != nil {
		return append(plans, c.call(d, arguments, place, depth)...)
	}
	switch name {
	case "run":
		if p, ok := c.run(arguments, place); ok {
			plans = append(plans, p)
		}
	case "checkout":
		plans = append(plans, c.checkout(arguments))
	case "when", "unless":
		plans = append(plans, c.conditional(name, arguments, place, depth)...)
	case "steps":
		plans = append(plans, c.spliced(arguments, place, depth)...)
	default:
		c.unknownStep(name, place)
	}
	c.spend(place, 1, 0)
	return plans
}

// manyKeys explains the usual reason for a step with several keys.
func (c *compiler) manyKeys(n *document.Node) {
	way := "a step is a mapping with one key, its name; indent the lines below it further"
	if i := n.Find("run"); i >= 0 && n.Items[i].Kind == document.Null {
		way = "indent the lines below \"run:\" by two more spaces"
	}
	names := make([]string, 0, len(n.Keys))
	for _, key := range n.Keys {
		names = append(names, clip(key.Text))
	}
	c.fail(n, "expected a step with one key, found: "+listed(names), way)
}

func (c *compiler) unknownStep(name string, place *document.Node) {
	if way, ok := laterSteps[name]; ok {
		c.fail(place, fmt.Sprintf("The step %s is not supported by Muster yet", name), "until it is: "+way)
		return
	}
	if near := suggest(name, []string{"run", "checkout", "when", "unless", "steps"}); near != "" && c.commands == nil {
		c.fail(place, "Cannot find a definition for command named "+clip(name), near)
		return
	}
	c.find("command", name, place)
}

// run reads the short form (a command) or the long one.
func (c *compiler) run(n, place *document.Node) (core.StepPlan, bool) {
	if n == nil || n.Kind == document.Null {
		c.fail(place, "a run step needs a command", "write - run: command; the keys of a long run step stand two spaces further in")
		return core.StepPlan{}, false
	}
	if n.Kind == document.String {
		return c.runPlan(n, &core.RunStep{Command: n.Text}, n.Text)
	}
	if !n.IsScalar() && !c.fields(n, runKeys) || n.IsScalar() {
		if n.IsScalar() {
			c.wrongType(n, document.String)
		}
		return core.StepPlan{}, false
	}
	step := &core.RunStep{
		Command:          c.text(n.Get("command")),
		Shell:            c.text(n.Get("shell")),
		Environment:      c.environment(n.Get("environment")),
		Background:       c.boolean(n.Get("background")),
		WorkingDirectory: c.text(n.Get("working_directory")),
		NoOutputTimeout:  c.duration(n.Get("no_output_timeout"), 24*time.Hour),
		When:             core.When(c.oneOf(n.Get("when"), string(core.WhenOnSuccess), string(core.WhenOnFail), string(core.WhenAlways))),
		MaxAutoReruns:    c.integer(n.Get("max_auto_reruns"), 1, 5),
		AutoRerunDelay:   c.duration(n.Get("auto_rerun_delay"), 10*time.Minute),
	}
	c.checkReruns(n, step)
	name := c.text(n.Get("name"))
	if n.Get("command") == nil {
		return core.StepPlan{}, false
	}
	return c.runPlan(n.Get("command"), step, name)
}

func (c *compiler) checkReruns(n *document.Node, step *core.RunStep) {
	delay, reruns := n.Get("auto_rerun_delay"), n.Get("max_auto_reruns")
	if delay != nil && reruns == nil {
		c.fail(delay, "auto_rerun_delay has no meaning without max_auto_reruns", "add max_auto_reruns: 1, up to 5")
	}
	if reruns != nil && step.Background {
		c.fail(reruns, "A background step cannot be rerun", "remove background or max_auto_reruns")
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

// checkoutName is what people see of a checkout step without a name.
const checkoutName = "Checkout code"

func (c *compiler) checkout(n *document.Node) core.StepPlan {
	p := core.StepPlan{Kind: core.StepCheckout, Name: checkoutName, Checkout: &core.CheckoutStep{}}
	if n == nil || n.Kind == document.Null || !c.fields(n, checkoutKeys) {
		return p
	}
	p.Checkout.Path = c.text(n.Get("path"))
	p.Checkout.Method = core.CheckoutMethod(c.oneOf(n.Get("method"), string(core.CheckoutFull), string(core.CheckoutBlobless), string(core.CheckoutShallow)))
	if name := c.text(n.Get("name")); name != "" {
		p.Name = name
	}
	if depth := n.Get("depth"); depth != nil {
		p.Checkout.Depth = c.integer(depth, 1, 1<<30)
		if p.Checkout.Method != core.CheckoutShallow {
			c.fail(depth, "depth has a meaning only with method: shallow", "add method: shallow, or remove depth")
		}
	}
	return p
}

// conditional expands a when or unless step, and checks the steps that it
// leaves out as well.
func (c *compiler) conditional(kind string, n, place *document.Node, depth int) []core.StepPlan {
	if !c.reuse {
		c.fail(place, "Cannot find a definition for command named "+kind, "conditional steps need version: 2.1")
		return nil
	}
	if n == nil {
		n = place
	}
	if !c.fields(n, whenKeys) || n.Get("condition") == nil {
		return nil
	}
	holds := c.condition(n.Get("condition"), 0)
	steps := c.steps(n.Get("steps"), depth)
	if holds == (kind == "when") {
		return steps
	}
	return nil
}

// spliced expands a `steps` step: a list that came in as a parameter.
func (c *compiler) spliced(n, place *document.Node, depth int) []core.StepPlan {
	if n == nil {
		c.fail(place, "the step steps needs a list", "write - steps: << parameters.name >>")
		return nil
	}
	return c.steps(n, depth)
}
