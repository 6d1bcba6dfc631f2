// SPDX-License-Identifier: MPL-2.0

package execute

import (
	"cmp"
	"net/url"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/muster-ci/muster/core"
)

// environment is an ordered set of variables; a later value replaces an
// earlier one.
type environment struct {
	names  []string
	values map[string]string
}

func (e *environment) set(name, value string) {
	if e.values == nil {
		e.values = make(map[string]string)
	}
	if _, known := e.values[name]; !known {
		e.names = append(e.names, name)
	}
	e.values[name] = value
}

func (e *environment) add(vars []core.EnvVar) {
	for _, v := range vars {
		e.set(v.Name, v.Value)
	}
}

func (e *environment) get(name string) string { return e.values[name] }

// with returns a copy with more variables.
func (e *environment) with(vars []core.EnvVar) environment {
	var c environment
	for _, name := range e.names {
		c.set(name, e.values[name])
	}
	c.add(vars)
	return c
}

// list returns the form of os.Environ.
func (e *environment) list() []string {
	out := make([]string, 0, len(e.names))
	for _, name := range e.names {
		out = append(out, name+"="+e.values[name])
	}
	return out
}

func (e *environment) sorted() []core.EnvVar {
	var out []core.EnvVar
	for _, name := range slices.Sorted(slices.Values(e.names)) {
		out = append(out, core.EnvVar{Name: name, Value: e.values[name]})
	}
	return out
}

// private are the prefixes of variables that a cluster gives to the agent and
// that no build may see: some of them hold tokens.
var private = [...]string{"MUSTER_", "NOMAD_", "VAULT_", "CONSUL_"}

func isPrivate(name string) bool {
	for _, prefix := range private {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// prepareEnvironment puts together what every step gets, weakest first: the
// image's variables, the project's, the built-in ones, the job's. A step's own
// come on top when it runs.
func (j *job) prepareEnvironment() {
	for _, entry := range j.cfg.Environ {
		if name, value, ok := strings.Cut(entry, "="); ok && name != "" && !isPrivate(name) {
			j.base.set(name, value)
		}
	}
	if j.base.get("PATH") == "" {
		j.base.set("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
	}
	if j.base.get("HOME") == "" {
		j.base.set("HOME", homeOfUser())
	}
	j.image = j.base.with(nil)
	j.base.add(j.task.Secrets)
	j.home = j.base.get("HOME")
	j.setBuiltin()
	j.base.add(j.builtin.sorted())
	j.base.add(j.task.Spec.Plan.Environment)
	j.addCommands(&j.base)
}

func homeOfUser() string {
	if u, err := user.Current(); err == nil && u.HomeDir != "" {
		return u.HomeDir
	}
	return "/"
}

// setBuiltin sets the variables that CircleCI gives a job. One whose value
// does not exist (a tag on a branch build) is left out.
func (j *job) setBuiltin() {
	spec := j.task.Spec
	project, source := spec.Pipeline.Project, spec.Pipeline.Source
	repository := source.RepositoryURL
	if repository == "" {
		repository = project.RepositoryURL
	}
	set := func(name, value string) {
		if value != "" {
			j.builtin.set(name, value)
		}
	}
	set("CI", "true")
	set("CIRCLECI", "true")
	set("TERM", "xterm")
	set("DOCKER_HOST", j.cfg.Engine)
	set("BASH_ENV", filepath.Join(j.temp, "bash_env"))
	set("CIRCLE_BRANCH", source.Branch)
	set("CIRCLE_TAG", source.Tag)
	set("CIRCLE_SHA1", source.Revision)
	set("CIRCLE_BUILD_NUM", strconv.FormatInt(spec.Number, 10))
	set("CIRCLE_BUILD_URL", j.buildURL())
	if spec.Previous > 0 {
		set("CIRCLE_PREVIOUS_BUILD_NUM", strconv.FormatInt(spec.Previous, 10))
	}
	set("MUSTER_HOST", strings.TrimRight(cmp.Or(j.cfg.APIURL, j.cfg.BaseURL), "/")) // where the commands of `muster` find the API
	for _, name := range bundleVariables {
		set(name, j.cfg.Bundle)
	}
	set("CIRCLE_JOB", spec.Plan.Name)
	set("CIRCLE_NODE_INDEX", strconv.Itoa(spec.Index))
	set("CIRCLE_NODE_TOTAL", strconv.Itoa(max(1, spec.Total)))
	set("CIRCLE_ORGANIZATION_ID", string(project.Organization.ID))
	set("CIRCLE_PIPELINE_ID", string(spec.Pipeline.ID))
	set("CIRCLE_PROJECT_ID", string(project.ID))
	set("CIRCLE_PROJECT_REPONAME", project.Name)
	set("CIRCLE_PROJECT_USERNAME", project.Organization.Name)
	set("CIRCLE_REPOSITORY_URL", withoutPassword(repository))
	set("CIRCLE_USERNAME", spec.Pipeline.Trigger.Actor.Login)
	set("CIRCLE_WORKFLOW_ID", string(spec.Workflow))
	set("CIRCLE_WORKFLOW_JOB_ID", string(spec.Job))
	set("CIRCLE_WORKFLOW_WORKSPACE_ID", string(cmp.Or(spec.Workspace, spec.Workflow)))
	for _, v := range pullRequestVariables(spec.Pipeline) {
		set(v.Name, v.Value)
	}
	directory := spec.Plan.WorkingDirectory
	if directory == "" {
		directory = "~/project"
	}
	set("CIRCLE_WORKING_DIRECTORY", directory)
	set("CIRCLE_INTERNAL_TASK_DATA", filepath.Join(j.temp, "task"))
}

// bundleVariables name the file of the authorities that a program trusts: Go and
// OpenSSL, curl, git, Python's requests, and Node.
var bundleVariables = []string{"SSL_CERT_FILE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"}

func (j *job) buildURL() string {
	if j.cfg.BaseURL == "" {
		return ""
	}
	return strings.TrimRight(j.cfg.BaseURL, "/") + "/" + j.task.Spec.Pipeline.Project.Slug() + "/" +
		strconv.FormatInt(j.task.Spec.Number, 10)
}

// withoutPassword keeps the credentials of a clone URL out of the environment.
func withoutPassword(repository string) string {
	u, err := url.Parse(repository)
	if err != nil || u.User == nil {
		return repository
	}
	if _, has := u.User.Password(); !has {
		return repository
	}
	u.User = nil
	return u.String()
}

// path makes a path of the config absolute: "" is the default, "~" the home
// folder, and what is relative is below the job's working directory (of which
// itself: below the home folder). Nothing else is expanded.
func (j *job) path(path, otherwise string) string {
	switch {
	case path == "":
		return otherwise
	case path == "~":
		return j.home
	case strings.HasPrefix(path, "~/"):
		return filepath.Join(j.home, path[2:])
	case filepath.IsAbs(path):
		return filepath.Clean(path)
	case j.directory == "":
		return filepath.Join(j.home, path)
	default:
		return filepath.Join(j.directory, path)
	}
}

// scriptPath is where a step's command is written.
func (j *job) scriptPath(extension string) (string, error) {
	file, err := os.CreateTemp(j.temp, "command-*"+extension)
	if err != nil {
		return "", err
	}
	return file.Name(), file.Close()
}
