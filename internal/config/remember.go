// SPDX-License-Identifier: MPL-2.0

package config

import (
	"slices"
	"strconv"
	"strings"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/config/document"
)

// remembered is what the parts of jobs and commands came to. The jobs of a matrix
// differ in a value or two: a step that names one of them, or none, is expanded
// once for each of its values and not once for each job.
//
//	part in the text --(values of the parameters that it names)--> part without << >>
//	part without << >> --(module whose names it holds)--> what it was read as
//
// Only what was right is kept, so that every mistake is told as if nothing was.
type remembered struct {
	parts         map[*document.Node]*part
	stepsRead     map[reading]readStep
	executorsRead map[reading]namedSurroundings // that are named
	imagesRead    map[reading]core.Executor     // of docker lists
	key           []byte                        // of the last part
}

// part is a piece of a body whose references are replaced as one.
type part struct {
	names []string // of the parameters that it refers to
	alone bool     // it holds a tag that is not right, or too much for a key
	known map[string]*document.Node
}

// reading is a part without references, and the module in which its names are
// looked up.
type reading struct {
	node   *document.Node
	module *module
}

type readStep struct {
	plans []core.StepPlan
	count int // for the limit of steps
}

type readJob struct {
	plan  *core.JobPlan
	count int
}

type namedSurroundings struct {
	base surroundings
	ok   bool
}

// Limits of what is remembered.
const (
	maxPartKey   = 256 // bytes of the values that a part depends on
	maxPartNames = 8   // parameters that a part depends on
)

// substitutePart is substituteKey for a part.
func (c *compiler) substitutePart(key string, n *document.Node, s scope) *document.Node {
	if !c.reuse || n == nil || !n.Template {
		return n
	}
	p := c.part(n)
	if p.alone || !c.valuesKey(p.names, s.parameters) {
		return c.substituteKey(key, n, s)
	}
	if known := p.known[string(c.key)]; known != nil {
		return known
	}
	print, before := string(c.key), c.mistakes()
	result := c.substituteKey(key, n, s)
	if c.unsure == 0 && c.mistakes() == before {
		if p.known == nil {
			p.known = map[string]*document.Node{}
		}
		p.known[print] = result
	}
	return result
}

// substituteSteps replaces the references in a list of steps, each by itself.
func (c *compiler) substituteSteps(n *document.Node, s scope) *document.Node {
	if !c.reuse || n == nil || !n.Template || n.Kind != document.List {
		return c.substitutePart("steps", n, s)
	}
	items := make([]*document.Node, len(n.Items))
	for i, item := range n.Items {
		items[i] = c.substitutePart("", item, s)
	}
	return n.With(items)
}

// part finds out which parameters a piece of the text depends on.
func (c *compiler) part(n *document.Node) *part {
	p := c.parts[n]
	if p != nil {
		return p
	}
	p = &part{}
	c.dependence(p, n)
	if c.parts == nil {
		c.parts = map[*document.Node]*part{}
	}
	c.parts[n] = p
	return p
}

func (c *compiler) dependence(p *part, n *document.Node) {
	switch {
	case !n.Template || p.alone:
	case n.IsScalar():
		t := c.template(n)
		p.alone = t.failure != nil
		p.blocks(t.blocks)
	default:
		for _, item := range n.Items {
			c.dependence(p, item)
		}
	}
}

func (p *part) blocks(blocks []block) {
	for _, b := range blocks {
		switch {
		case b.failure != nil:
			p.alone = true
		case b.expression != nil:
			for _, name := range b.expression.Names() {
				p.name(name.Text)
			}
		case b.kind != plainText:
			p.name(b.text)
		}
		p.blocks(b.inner)
	}
}

// name adds a name. Those of the pipeline are the same for all.
func (p *part) name(name string) {
	rest, ok := strings.CutPrefix(name, parametersRoot)
	if !ok {
		p.alone = p.alone || !strings.HasPrefix(name, pipelineRoot)
		return
	}
	for _, known := range p.names {
		if known == rest {
			return
		}
	}
	p.names = append(p.names, rest)
	p.alone = p.alone || len(p.names) > maxPartNames
}

// valuesKey writes the values of parameters to c.key. It returns false
// when they do not make a key: lists, mappings and long texts.
func (c *compiler) valuesKey(names []string, values map[string]*document.Node) bool {
	key := c.key[:0]
	for _, name := range names {
		n := values[name]
		if n == nil || !n.IsScalar() || n.Template || len(n.Text) > maxPartKey {
			return false
		}
		key = append(key, byte('0'+n.Kind), boolByte(n.Quoted))
		if n.Owner != nil {
			key = strconv.AppendInt(key, int64(c.modules[n.Owner].id), 10)
		}
		key = append(key, ',')
		key = strconv.AppendInt(key, int64(len(n.Text)), 10)
		key = append(key, ':')
		key = append(key, n.Text...)
	}
	c.key = key
	return len(key) <= maxPartKey
}

func boolByte(b bool) byte {
	if b {
		return 'q'
	}
	return 'p'
}

// mistakes counts the errors so far, those that are not shown included.
func (c *compiler) mistakes() int { return len(c.errors) + c.more }

// rememberedJob expands a job with arguments, once for each choice of them.
func (c *compiler) rememberedJob(d *definition, values map[string]*document.Node) *core.JobPlan {
	if d.names == nil {
		for _, p := range d.parameters {
			d.names = append(d.names, p.name)
		}
	}
	keyed := len(d.names) <= maxPartNames && c.valuesKey(d.names, values)
	if keyed {
		if known := d.plans[string(c.key)]; known.plan != nil {
			c.spend(d.key, known.count, 0)
			return known.plan
		}
	}
	print, count, before := string(c.key), c.stepCount, c.mistakes()
	plan := c.job(d, c.substituteBody(d.node, scope{parameters: values}))
	if keyed && c.unsure == 0 && c.mistakes() == before {
		if d.plans == nil {
			d.plans = map[string]readJob{}
		}
		d.plans[print] = readJob{plan, c.stepCount - count}
	}
	return plan
}

// remember returns what a part was read as before, or reads it.
func remember[T any](c *compiler, known *map[reading]T, n *document.Node, read func() T) T {
	at := reading{n, c.module}
	if value, ok := (*known)[at]; ok {
		return value
	}
	before := c.mistakes()
	value := read()
	if c.unsure == 0 && c.mistakes() == before {
		if *known == nil {
			*known = map[reading]T{}
		}
		(*known)[at] = value
	}
	return value
}

// rememberedStep is step for a list of them.
func (c *compiler) rememberedStep(plans []core.StepPlan, n *document.Node, depth int) []core.StepPlan {
	read := false
	known := remember(c, &c.stepsRead, n, func() readStep {
		count, from := c.stepCount, len(plans)
		plans, read = c.step(plans, n, depth), true
		return readStep{plans: slices.Clip(plans[from:]), count: c.stepCount - count}
	})
	if read {
		return plans
	}
	c.spend(n, known.count, 0)
	return append(plans, known.plans...)
}
