// SPDX-License-Identifier: MPL-2.0

package config

import (
	"encoding/json"
	"strconv"

	"github.com/muster-ci/muster/core"
)

// plan collects what runs.
func (c *compiler) plan(workflows []*workflow) *core.Plan {
	c.checkSchedule(workflows)
	plan := &core.Plan{Workflows: make([]core.WorkflowPlan, 0, len(workflows)), Setup: c.setup}
	for _, w := range workflows {
		asked := w.name == c.request.Schedule && len(w.schedules) > 0
		switch p := w.plan(); {
		case w.off, len(p.Jobs) == 0, c.request.Schedule != "" && !asked:
		case len(w.schedules) > 0 && !asked:
			plan.Schedules = append(plan.Schedules, w.schedulePlans(p)...)
		default:
			plan.Workflows = append(plan.Workflows, p)
		}
	}
	c.checkSetup(plan)
	return plan
}

// maxRoom is the most that a text gets before it is written.
const maxRoom = 1 << 20

// emit writes the expanded config in the shape of version 2. It holds all that
// the workflows call, filters included, so that compiling it again gives the
// same plan, here and on CircleCI.
func (c *compiler) emit(workflows []*workflow) string {
	e := &emitter{written: map[*core.JobPlan][2]int{}}
	e.w.Grow(min(c.byteCount/3, maxRoom)) // a plan is larger than its text
	e.w.Raw("version", "2")
	if c.setup {
		e.w.Raw("setup", "true")
	}
	jobs := nameDefinitions(workflows)
	if len(jobs) == 0 {
		e.w.Raw("jobs", "{}")
	} else {
		e.w.Key("jobs")
		e.w.In()
		for _, j := range jobs {
			e.job(j)
			c.spend(nil, 0, 0)
		}
		e.w.Out()
	}
	e.groups(workflows, jobs)
	e.w.Key("workflows")
	e.w.In()
	e.w.Raw("version", "2")
	for _, w := range workflows {
		if !w.off {
			e.workflow(w)
		}
	}
	e.w.Out()
	return e.w.String()
}

// nameDefinitions gives each expanded job a name among the definitions: its
// name in the workflow, unless another workflow has a different job of that
// name. It returns the definitions in the order of their first use.
func nameDefinitions(workflows []*workflow) []*invocation {
	jobs := 0
	for _, w := range workflows {
		jobs += len(w.jobs)
	}
	d := definitionNames{taken: make(map[string]*invocation, jobs), prints: map[string]string{}, next: map[string]int{}}
	list := make([]*invocation, 0, jobs)
	for _, w := range workflows {
		for _, i := range w.jobs {
			if w.off || i.plan.Type == core.JobApproval || i.isEnd() {
				continue
			}
			if d.name(i) {
				list = append(list, i)
			}
		}
	}
	return list
}

// definitionNames finds equal plans by a print of them, which is made only
// where two jobs have one name: comparing each with each would cost the square.
type definitionNames struct {
	taken  map[string]*invocation
	prints map[string]string // name and print -> definition
	next   map[string]int
}

// name sets i.definition and tells whether it is a new one.
func (d *definitionNames) name(i *invocation) bool {
	i.definition = i.name
	other := d.taken[i.name]
	switch {
	case other == nil:
		d.taken[i.name] = i
		return true
	case other.plan == i.plan:
		return false
	case d.next[i.name] == 0:
		d.prints[i.name+"\x00"+other.planPrint()] = i.name
	}
	mine := i.name + "\x00" + i.planPrint()
	if known, ok := d.prints[mine]; ok {
		i.definition = known
		return false
	}
	for d.taken[i.definition] != nil {
		d.next[i.name]++
		i.definition = i.name + "-" + strconv.Itoa(d.next[i.name])
	}
	d.taken[i.definition] = i
	d.prints[mine] = i.definition
	return true
}

// planPrint is equal for equal plans. Plans consist of text and numbers, so
// that encoding one cannot go wrong.
func (i *invocation) planPrint() string {
	if i.print == "" {
		text, _ := json.Marshal(i.plan)
		i.print = string(text)
	}
	return i.print
}

// planSize estimates the bytes of a plan.
func planSize(p *core.JobPlan) int {
	size := 200
	environment := func(env []core.EnvVar) {
		for _, v := range env {
			size += len(v.Name) + len(v.Value) + 24
		}
	}
	environment(p.Environment)
	for _, image := range p.Executor.Images {
		size += imageSize(image)
		environment(image.Environment)
	}
	for _, step := range p.Steps {
		size += stepSize(step)
		if step.Run != nil {
			environment(step.Run.Environment)
		}
	}
	return size
}

// stepSize estimates the bytes of a step without its environment.
func stepSize(s core.StepPlan) int {
	size := len(s.Name) + 80
	texts := func(list []string) {
		for _, text := range list {
			size += len(text) + 8
		}
	}
	switch {
	case s.Run != nil:
		size += len(s.Run.Command)
	case s.SaveCache != nil:
		size += len(s.SaveCache.Key)
		texts(s.SaveCache.Paths)
	case s.RestoreCache != nil:
		texts(s.RestoreCache.Keys)
	case s.StoreArtifacts != nil:
		size += len(s.StoreArtifacts.Path) + len(s.StoreArtifacts.Destination)
	case s.StoreTestResults != nil:
		size += len(s.StoreTestResults.Path)
	case s.PersistToWorkspace != nil:
		size += len(s.PersistToWorkspace.Root)
		texts(s.PersistToWorkspace.Paths)
	case s.AttachWorkspace != nil:
		size += len(s.AttachWorkspace.At)
	case s.AddSSHKeys != nil:
		texts(s.AddSSHKeys.Fingerprints)
	}
	return size
}

// imageSize estimates the bytes of an image without its environment.
func imageSize(i core.DockerImage) int {
	size := len(i.Image) + len(i.Name) + len(i.User) + 100
	for _, words := range [][]string{i.Entrypoint, i.Command} {
		for _, word := range words {
			size += len(word) + 8
		}
	}
	if a := i.Auth; a != nil {
		size += len(a.Username) + len(a.Password)
	}
	if a := i.AWSAuth; a != nil {
		size += len(a.AccessKeyID) + len(a.SecretAccessKey) + len(a.OIDCRoleARN)
	}
	if a := i.GCPAuth; a != nil {
		for _, f := range a.Fields {
			size += len(f.Name) + len(f.Value)
		}
	}
	return size
}
