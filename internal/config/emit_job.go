// SPDX-License-Identifier: MPL-2.0

package config

import (
	"strconv"
	"time"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/config/document"
)

// emitter writes the parts of a processed config.
type emitter struct {
	w       document.Writer
	written map[*core.JobPlan][2]int // where the bodies of jobs stand
}

// job writes a definition. The jobs of a matrix share plans, and so the text.
func (e *emitter) job(i *invocation) {
	e.w.Key(i.definition)
	if at, ok := e.written[i.plan]; ok {
		e.w.Repeat(at[0], at[1])
		return
	}
	from := e.w.Len()
	e.w.In()
	e.body(i.plan)
	e.w.Out()
	e.written[i.plan] = [2]int{from, e.w.Len()}
}

func (e *emitter) body(p *core.JobPlan) {
	if p.Type != core.JobBuild {
		e.w.Pair("type", string(p.Type))
		e.optional("key", p.Key)
		e.release(p.Release)
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
	e.flag("circleci_ip_ranges", p.IPRanges)
	if p.CacheRetention > 0 {
		e.w.Key("retention")
		e.w.In()
		e.w.Pair("caches", strconv.Itoa(int(p.CacheRetention/(24*time.Hour)))+"d")
		e.w.Out()
	}
	e.steps(p.Steps)
}

func (e *emitter) release(r *core.ReleasePlan) {
	if r == nil {
		return
	}
	e.w.Pair("plan_name", r.PlanName)
	v := r.Validation
	if v == nil {
		return
	}
	e.w.Key("validation")
	e.w.In()
	defer e.w.Out()
	e.w.Raw("enabled", strconv.FormatBool(v.Enabled))
	e.duration("evaluation_time", v.EvaluationTime)
	e.flag("auto_rollback_on_failure", v.AutoRollbackOnFailure)
	if len(v.Webhooks)+len(v.Checks) == 0 {
		return
	}
	e.w.Key("webhooks")
	e.w.In()
	for _, name := range v.Webhooks {
		e.w.Value(name)
	}
	for _, check := range v.Checks {
		e.w.Item()
		e.w.Pair("name", check.Name)
		e.optional("provider", check.Provider)
		e.optional("fail_when", check.FailWhen)
		if check.MaxFailures > 0 {
			e.w.Raw("max_failures", strconv.Itoa(check.MaxFailures))
		}
		e.w.EndItem()
	}
	e.w.Out()
}

func (e *emitter) optional(key, value string) {
	if value != "" {
		e.w.Pair(key, value)
	}
}

func (e *emitter) flag(key string, set bool) {
	if set {
		e.w.Raw(key, "true")
	}
}

func (e *emitter) executor(x core.Executor) {
	switch {
	case x.Kind == core.ExecutorDocker:
		e.docker(x.Images)
	case x.Kind == core.ExecutorMachine && x.MachineImage == "" && !x.LayerCaching && len(x.CodeSigning) == 0:
		e.w.Raw("machine", "true")
	default:
		e.w.Key(string(x.Kind))
		e.w.In()
		e.optional("image", x.MachineImage)
		e.optional("xcode", x.Xcode)
		e.flag("docker_layer_caching", x.LayerCaching)
		e.words("code_signing", x.CodeSigning)
		e.w.Out()
	}
}

func (e *emitter) docker(images []core.DockerImage) {
	e.w.Key("docker")
	e.w.In()
	for _, image := range images {
		e.w.Item()
		e.w.Pair("image", image.Image)
		e.optional("name", image.Name)
		e.words("entrypoint", image.Entrypoint)
		e.words("command", image.Command)
		e.optional("user", image.User)
		e.variables(image.Environment)
		e.imageAuth(image)
		e.w.EndItem()
	}
	e.w.Out()
}

func (e *emitter) imageAuth(image core.DockerImage) {
	if a := image.Auth; a != nil {
		e.pairs("auth", []core.EnvVar{{Name: "username", Value: a.Username}, {Name: "password", Value: a.Password}})
	}
	if a := image.AWSAuth; a != nil && a.OIDCRoleARN != "" {
		e.pairs("aws_auth", []core.EnvVar{{Name: "oidc_role_arn", Value: a.OIDCRoleARN}})
	} else if a != nil {
		e.pairs("aws_auth", []core.EnvVar{{Name: "aws_access_key_id", Value: a.AccessKeyID}, {Name: "aws_secret_access_key", Value: a.SecretAccessKey}})
	}
	if a := image.GCPAuth; a != nil {
		e.pairs("gcp_auth", a.Fields)
	}
}

// pairs writes a mapping of texts.
func (e *emitter) pairs(key string, pairs []core.EnvVar) {
	e.w.Key(key)
	e.w.In()
	for _, p := range pairs {
		e.w.Pair(p.Name, p.Value)
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

// variables writes the environment of an image or a step, which CircleCI leaves
// a mapping. One that names a variable twice cannot be one.
func (e *emitter) variables(env []core.EnvVar) {
	names := make(map[string]bool, len(env))
	for _, v := range env {
		names[v.Name] = true
	}
	switch {
	case len(env) == 0:
	case len(names) == len(env):
		e.pairs("environment", env)
	default:
		e.environment(env)
	}
}

// environment writes a list of one-key mappings, as CircleCI does for a job: the
// executor's variables come first.
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
