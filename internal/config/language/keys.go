// SPDX-License-Identifier: MPL-2.0

package language

// about says what a key takes and means. The kinds of values are written as
// they are nested: a scalar (text, boolean, integer, any) or the name of a
// mapping; [x] is a list of x, {x} a mapping of free names to x, x|y either.
type about struct{ value, doc string }

const (
	stepsValue = "[text|step]"
	envValue   = "{any}|[any]|text"
	logicValue = "any|logic"
	callsValue = "[text|{call}]"
	whenDoc    = "When the step runs: on_success (usual), on_fail or always."
	nameDoc    = "What the step is called where it is shown."
)

// keys are the keys of each mapping.
var keys = map[string]map[string]about{
	"config": {
		"version":      {"number|text", "The version of the language: 2.1, or 2."},
		"setup":        {"boolean", "Makes the config one that decides and then continues the pipeline with another."},
		"orbs":         {"{text|orb}", "Orbs by the alias that this file uses: namespace/orb@version, a URL, or the orb itself."},
		"parameters":   {"{parameter}", "Parameters of the pipeline; read as << pipeline.parameters.name >>."},
		"executors":    {"{executor}", "Named places in which jobs run."},
		"commands":     {"{command}", "Named lists of steps, with parameters."},
		"jobs":         {"{job}", "Jobs by name: an executor and steps. Workflows put them in order."},
		"job-groups":   {"{group}", "Named lists of jobs which workflows call like one job."},
		"workflows":    {"{workflow|number}", "What runs, and in which order."},
		"description":  {"text", "What the config is for."},
		"display":      {"any", "Where the source of an orb can be seen."},
		"experimental": {"any", "Has no effect."},
	},
	"orb": {
		"version": {"number|text", "The version of the language that the orb is written in: 2.1."}, "description": {"text", "What the orb is for."},
		"display":  {"any", "Where the orb's source and home are."},
		"orbs":     {"{text|orb}", "Orbs that this orb uses, by alias."},
		"commands": {"{command}", "Commands that the orb offers."}, "executors": {"{executor}", "Executors that the orb offers."},
		"jobs": {"{job}", "Jobs that the orb offers."}, "examples": {"any", "Configs that show the use of the orb."},
	},
	"job": {
		"branches":           {"branch|any", "Which branches the job runs for, where there are no workflows."},
		"circleci_ip_ranges": {"boolean", "Runs the job behind well-known addresses."},
		"description":        {"text", "What the job is for."},
		"docker":             {"[image]", "Containers: the steps run in the first, the others are services beside it."},
		"environment":        {envValue, "Variables of all steps."},
		"executor":           {"text|{any}", "The name of an executor, or its name: and arguments."},
		"key":                {"text", "Of a lock or unlock job: the name of the lock."},
		"machine":            {"boolean|text|machine", "A virtual machine runs the steps: true, or its image."},
		"macos":              {"macos", "A Mac runs the steps."},
		"parallelism":        {"integer", "How many tasks run the same steps, each with its share."},
		"parameters":         {"{parameter}", "Parameters of the job; read as << parameters.name >>."},
		"plan_name":          {"text", "Of a release job: the release plan."},
		"resource_class":     {"text", "How much CPU and memory the job gets."},
		"retention":          {"retention", "For how long what the job saves is kept."},
		"shell":              {"text|[text]", "The shell of all run steps."},
		"steps":              {stepsValue, "What the job does, one after the other."},
		"type":               {"text", "What kind of job it is: build (usual), approval, no-op, release, lock or unlock."},
		"validation":         {"validation", "Of a release job: what tells whether the release is well."},
		"working_directory":  {"text", "The folder in which steps run."},
	},
	"executor": {
		"description": {"text", "What the executor is for."}, "docker": {"[image]", "Containers: the steps run in the first."},
		"environment": {envValue, "Variables of all jobs that use the executor."},
		"machine":     {"boolean|text|machine", "A virtual machine: true, or its image."}, "macos": {"macos", "A Mac."},
		"parameters":     {"{parameter}", "Parameters of the executor; read as << parameters.name >>."},
		"resource_class": {"text", "How much CPU and memory the jobs get."}, "shell": {"text|[text]", "The shell of run steps."},
		"working_directory": {"text", "The folder in which steps run."},
	},
	"command": {
		"description": {"text", "What the command is for."},
		"parameters":  {"{parameter}", "Parameters of the command; read as << parameters.name >>."},
		"steps":       {stepsValue, "The steps that a call of the command stands for."},
	},
	"parameter": {
		"default": {"any", "The value where none is given. Without it, an argument is required."}, "description": {"text", "What the parameter is for."},
		"enum": {"[any]", "The values that are permitted; for the type enum."},
		"type": {"text", "string, boolean, integer or enum; in jobs and commands also executor, steps and env_var_name."},
	},
	"image": {
		"image": {"text", "The image, such as cimg/go:1.26."}, "name": {"text", "The host name under which other containers reach this one."},
		"command": {"text|[any]", "The command of a service container."}, "entrypoint": {"text|[any]", "The entry point of a service container."},
		"environment": {envValue, "Variables of the container."}, "user": {"text|integer", "The user who runs its processes."},
		"auth": {"auth", "The login at the image's registry."}, "aws_auth": {"aws", "The login at Amazon's registry."}, "gcp_auth": {"gcp", "The login at Google's registry."},
	},
	"auth": {"username": {"text", "The user."}, "password": {"text", "The password: $NAME of a variable."}},
	"aws":  {"aws_access_key_id": {"text", "The id of the key."}, "aws_secret_access_key": {"text", "The key: $NAME of a variable."}, "oidc_role_arn": {"text", "The role that the job takes on."}},
	"gcp": {
		"oidc_service_account": {"text", "The account that the job takes on."}, "workload_identity_pool": {"text", "The pool."},
		"workload_identity_provider": {"text", "The provider."},
	},
	"machine": {
		"code_signing": {"any", "Signing keys; has no effect."}, "docker_layer_caching": {"boolean", "Keeps layers of images between jobs."},
		"enabled": {"boolean", "Says nothing: a machine it is."}, "image": {"text", "The image of the machine."},
		"resource_class": {"text", "How much CPU and memory."}, "shell": {"text|[text]", "The shell of run steps."},
	},
	"macos": {
		"code_signing": {"any", "Signing keys."}, "xcode": {"text|number", "The version of Xcode."},
		"resource_class": {"text", "The kind of Mac."}, "shell": {"text|[text]", "The shell of run steps."},
	},
	"retention": {"caches": {"text", "For how many days caches are kept, 1d to 30d."}},
	"validation": {
		"enabled": {"boolean", "Whether the release is watched."}, "evaluation_time": {"text|integer", "For how long it is watched."},
		"auto_rollback_on_failure": {"boolean", "Goes back to the version before when the release is not well."}, "webhooks": {"[text|check]", "Who says whether it is well."},
	},
	"check": {
		"name": {"text", "The webhook."}, "provider": {"text", "Who sends it."}, "fail_when": {"any", "What counts as a failure."},
		"max_failures": {"integer", "How many failures are too many."},
	},
}
