// SPDX-License-Identifier: MPL-2.0

package config

import (
	"cmp"
	"slices"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/config/document"
)

// surroundings are what a job and an executor have in common.
type surroundings struct {
	name             string // of the executor that it is, if it has one
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
		resourceClass:    c.resourceClass(n.Get("resource_class")),
		shell:            c.shell(n.Get("shell")),
		workingDirectory: c.text(n.Get("working_directory")),
		environment:      c.environment(n.Get("environment")),
	}
	c.readExecutor(n, &s)
	return s
}

// over puts a job's surroundings over its executor's: its keys win, and its
// environment is added.
func (s surroundings) over(base surroundings) surroundings {
	s.name = base.name
	if s.executor.Kind == "" {
		s.executor = base.executor
	}
	s.resourceClass = cmp.Or(s.resourceClass, base.resourceClass)
	s.shell = cmp.Or(s.shell, base.shell)
	s.workingDirectory = cmp.Or(s.workingDirectory, base.workingDirectory)
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
