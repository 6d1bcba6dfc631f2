// SPDX-License-Identifier: MPL-2.0

package config

import (
	"slices"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/config/document"
)

// surroundings are what a job and an executor have in common.
type surroundings struct {
	executor         core.Executor
	resourceClass    string
	shell            string
	workingDirectory string
	environment      []core.EnvVar
}

// surroundings reads them from a job or an executor whose references are
// replaced.
func (c *compiler) surroundings(n *document.Node) surroundings {
	s := surroundings{
		resourceClass:    c.text(n.Get("resource_class")),
		shell:            c.text(n.Get("shell")),
		workingDirectory: c.text(n.Get("working_directory")),
		environment:      c.environment(n.Get("environment")),
	}
	docker, machine := n.Get("docker"), n.Get("machine")
	switch {
	case docker != nil && machine != nil:
		c.fail(machine, "A job runs on one executor, but both docker and machine are given", "remove one of them")
	case docker != nil:
		s.executor = c.docker(docker)
	case machine != nil:
		c.machine(machine, &s)
	}
	return s
}

func (c *compiler) docker(n *document.Node) core.Executor {
	e := core.Executor{Kind: core.ExecutorDocker}
	if n.Kind != document.List {
		c.wrongType(n, document.List)
		return e
	}
	if len(n.Items) == 0 {
		c.fail(n, "docker needs at least one image", "add - image: name:tag; the first one runs the steps")
	}
	for _, item := range n.Items {
		if !c.fields(item, imageKeys) {
			continue
		}
		image := core.DockerImage{
			Image:       c.text(item.Get("image")),
			Name:        c.text(item.Get("name")),
			Entrypoint:  c.words(item.Get("entrypoint")),
			Command:     c.words(item.Get("command")),
			User:        c.text(item.Get("user")),
			Environment: c.environment(item.Get("environment")),
		}
		if at := item.Get("image"); at != nil && at.Kind == document.String && image.Image == "" {
			c.fail(at, "the image has no name", "write image: name:tag")
		}
		e.Images = append(e.Images, image)
	}
	return e
}

// machine reads `true`, an image's name, or a mapping. CircleCI's `default` is
// the default image here too.
func (c *compiler) machine(n *document.Node, s *surroundings) {
	s.executor.Kind = core.ExecutorMachine
	if on, ok := n.AsBool(); ok {
		if !on {
			c.fail(n, "machine: false is no executor", "write machine: true, or give a docker list")
		}
		return
	}
	if n.Kind == document.String {
		s.executor.MachineImage = n.Text
		return
	}
	if !c.fields(n, machineKeys) {
		return
	}
	s.executor.MachineImage = c.text(n.Get("image"))
	if enabled := n.Get("enabled"); enabled != nil && !c.boolean(enabled) {
		c.fail(enabled, "a machine that is not enabled is no executor", "remove the key, or give a docker list")
	}
	if layers := n.Get("docker_layer_caching"); layers != nil && c.boolean(layers) {
		c.warn(layers, "docker_layer_caching has no effect in Muster yet", "")
	}
	if class := c.text(n.Get("resource_class")); s.resourceClass == "" {
		s.resourceClass = class
	}
	if shell := c.text(n.Get("shell")); s.shell == "" {
		s.shell = shell
	}
}

// over puts a job's surroundings over its executor's: its keys win, and its
// environment is added.
func (s surroundings) over(base surroundings) surroundings {
	if s.executor.Kind == "" {
		s.executor = base.executor
	}
	for _, f := range []struct {
		to   *string
		from string
	}{{&s.resourceClass, base.resourceClass}, {&s.shell, base.shell}, {&s.workingDirectory, base.workingDirectory}} {
		if *f.to == "" {
			*f.to = f.from
		}
	}
	env := slices.Clone(base.environment)
	for _, v := range s.environment {
		if i := slices.IndexFunc(env, func(e core.EnvVar) bool { return e.Name == v.Name }); i >= 0 {
			env[i].Value = v.Value
			continue
		}
		env = append(env, v)
	}
	s.environment = env
	return s
}
