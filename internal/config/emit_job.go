// SPDX-License-Identifier: MPL-2.0

package config

import (
	"strconv"
	"time"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/config/document"
)

// emitter writes the parts of a processed config.
type emitter struct{ w document.Writer }

func (e *emitter) job(i *invocation) {
	p := i.plan
	e.w.Key(i.definition)
	e.w.In()
	defer e.w.Out()
	if p.Type == core.JobNoOp {
		e.w.Pair("type", string(core.JobNoOp))
		return
	}
	e.executor(p.Executor)
	e.optional("resource_class", p.ResourceClass)
	e.optional("shell", p.Shell)
	e.optional("working_directory", p.WorkingDirectory)
	if p.Parallelism > 0 {
		e.w.Raw("parallelism", strconv.Itoa(p.Parallelism))
	}
	e.environment(p.Environment)
	if len(p.Steps) == 0 {
		e.w.Raw("steps", "[]")
		return
	}
	e.w.Key("steps")
	e.w.In()
	for _, s := range p.Steps {
		e.step(s)
	}
	e.w.Out()
}

func (e *emitter) optional(key, value string) {
	if value != "" {
		e.w.Pair(key, value)
	}
}

func (e *emitter) executor(x core.Executor) {
	if x.Kind == core.ExecutorMachine {
		if x.MachineImage == "" {
			e.w.Raw("machine", "true")
			return
		}
		e.w.Key("machine")
		e.w.In()
		e.w.Pair("image", x.MachineImage)
		e.w.Out()
		return
	}
	e.w.Key("docker")
	e.w.In()
	for _, image := range x.Images {
		e.w.Item()
		e.w.Pair("image", image.Image)
		e.optional("name", image.Name)
		e.words("entrypoint", image.Entrypoint)
		e.words("command", image.Command)
		e.optional("user", image.User)
		e.environment(image.Environment)
		e.w.EndItem()
	}
	e.w.Out()
}

func (e *emitter) words(key string, words []string) {
	if words == nil {
		return
	}
	if len(words) == 0 {
		e.w.Raw(key, "[]")
		return
	}
	e.w.Key(key)
	e.w.In()
	for _, word := range words {
		e.w.Value(word)
	}
	e.w.Out()
}

// environment writes a list of one-key mappings, which keeps the order.
func (e *emitter) environment(env []core.EnvVar) {
	if len(env) == 0 {
		return
	}
	e.w.Key("environment")
	e.w.In()
	for _, v := range env {
		e.w.Item()
		e.w.Pair(v.Name, v.Value)
		e.w.EndItem()
	}
	e.w.Out()
}

func (e *emitter) step(s core.StepPlan) {
	if s.Kind == core.StepCheckout {
		e.checkout(s)
		return
	}
	r := s.Run
	e.w.Item()
	defer e.w.EndItem()
	e.w.Key("run")
	e.w.In()
	defer e.w.Out()
	if s.Name != r.Command {
		e.w.Pair("name", s.Name)
	}
	e.w.Pair("command", r.Command)
	e.optional("shell", r.Shell)
	e.optional("working_directory", r.WorkingDirectory)
	e.environment(r.Environment)
	if r.Background {
		e.w.Raw("background", "true")
	}
	e.duration("no_output_timeout", r.NoOutputTimeout)
	e.optional("when", string(r.When))
	if r.MaxAutoReruns > 0 {
		e.w.Raw("max_auto_reruns", strconv.Itoa(r.MaxAutoReruns))
	}
	e.duration("auto_rerun_delay", r.AutoRerunDelay)
}

func (e *emitter) checkout(s core.StepPlan) {
	plain := core.CheckoutStep{}
	if *s.Checkout == plain && s.Name == checkoutName {
		e.w.Value("checkout")
		return
	}
	e.w.Item()
	e.w.Key("checkout")
	e.w.In()
	if s.Name != checkoutName {
		e.w.Pair("name", s.Name)
	}
	e.optional("path", s.Checkout.Path)
	e.optional("method", string(s.Checkout.Method))
	if s.Checkout.Depth > 0 {
		e.w.Raw("depth", strconv.Itoa(s.Checkout.Depth))
	}
	e.w.Out()
	e.w.EndItem()
}

// duration writes a whole number of the largest unit that fits.
func (e *emitter) duration(key string, d time.Duration) {
	switch {
	case d == 0:
	case d%time.Minute == 0:
		e.w.Pair(key, strconv.Itoa(int(d/time.Minute))+"m")
	default:
		e.w.Pair(key, strconv.FormatFloat(d.Seconds(), 'f', -1, 64)+"s")
	}
}
