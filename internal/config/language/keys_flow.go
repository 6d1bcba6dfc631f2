// SPDX-License-Identifier: MPL-2.0

package language

// flowKeys are the keys of workflows, and of conditions.
var flowKeys = map[string]map[string]about{
	"workflow": {
		"jobs": {callsValue, "The jobs of the workflow, in any order: requires says what waits for what."},
		"when": {logicValue, "Runs the workflow only if this holds."}, "unless": {logicValue, "Runs the workflow only if this does not hold."},
		"triggers":        {"[trigger]", "Schedules that start the workflow, instead of pushes."},
		"max_auto_reruns": {"integer", "How often the failed jobs of the workflow are run again by themselves."}, "version": {"any", "Has no effect."},
	},
	"group": {"description": {"text", "What the group is for."}, "jobs": {callsValue, "The jobs of the group."}},
	"call": {
		"context": {"text|[text]", "Contexts whose variables the job gets."}, "filters": {"filter|text", "For which branches and tags the job runs, or an expression."},
		"matrix": {"matrix", "Runs the job once for each combination of arguments."}, "name": {"text", "The name of this call."},
		"override-with": {"text", "A job of an orb that takes the place of this one."},
		"pre-steps":     {stepsValue, "Steps before those of the job."}, "post-steps": {stepsValue, "Steps after those of the job."},
		"requires":     {"[any]|text", "Jobs that must have ended before: with success, or with the statuses that are given."},
		"serial-group": {"text", "Jobs of the same group run one at a time."}, "type": {"text", "approval makes the call a wait for a person."},
	},
	"matrix": {
		"parameters": {"{any}", "The values of each parameter."}, "alias": {"text", "A name that stands for all jobs of the matrix in requires."},
		"exclude": {"[any]", "Combinations that do not run."},
	},
	"filter":          {"branches": {"branch", "Which branches."}, "tags": {"branch", "Which tags; without it, none."}},
	"branch":          {"only": {"text|[text]", "Names, or /expressions/, that alone are meant."}, "ignore": {"text|[text]", "Names, or /expressions/, that are left out."}},
	"trigger":         {"schedule": {"schedule", "When the workflow starts."}},
	"schedule":        {"cron": {"text", "Minute, hour, day of month, month, day of week, in UTC."}, "filters": {"schedule_filter", "For which branches."}},
	"schedule_filter": {"branches": {"branch", "Which branches."}},
	"when":            {"condition": {logicValue, "What must hold (for when) or not (for unless)."}, "steps": {stepsValue + "|text|step", "The steps that then run."}},
	"logic": {
		"and": {"[" + logicValue + "]", "All of them hold."}, "or": {"[" + logicValue + "]", "One of them holds."}, "not": {logicValue, "It does not hold."},
		"equal": {"[any]", "All of them are the same."}, "matches": {"matches", "A text matches a regular expression."},
	},
	"matches": {"pattern": {"text", "A regular expression for the whole text."}, "value": {"any", "The text."}},
}

// stepKeys are the built-in steps, and the keys of each.
var stepKeys = map[string]map[string]about{
	"step": {
		"run":                    {"text|run", "Runs a command in a shell."},
		"deploy":                 {"text|run", "Deprecated: write run."},
		"checkout":               {"checkout", "Fetches the source into the working directory."},
		"setup_remote_docker":    {"setup_remote_docker", "Gives the job a Docker engine."},
		"add_ssh_keys":           {"add_ssh_keys", "Adds SSH keys of the project."},
		"install_signing_bundle": {"install_signing_bundle", "Installs what is needed to sign applications."},
		"save_cache":             {"save_cache", "Saves files under a key for later jobs."},
		"restore_cache":          {"restore_cache", "Restores files that were saved under a key."},
		"store_artifacts":        {"store_artifacts", "Keeps files so that people can download them."},
		"store_test_results":     {"store_test_results", "Keeps the results of tests, JUnit's XML."},
		"persist_to_workspace":   {"persist_to_workspace", "Hands files on to later jobs of the workflow."},
		"attach_workspace":       {"attach_workspace", "Fetches the files that earlier jobs handed on."},
		"when":                   {"when", "Steps that run if a condition holds when the config is compiled."},
		"unless":                 {"when", "Steps that run if a condition does not hold when the config is compiled."},
		"steps":                  {"text|" + stepsValue, "Steps that came in as a parameter."},
		"with_tool_cache":        {"with_tool_cache", "Steps with the cache of a tool around them."},
	},
	"run": {
		"command": {"text", "What the shell runs."}, "name": {"text", nameDoc}, "shell": {"text|[text]", "The shell and its options."},
		"environment": {envValue, "Variables of the command."}, "background": {"boolean", "Goes on with the next step while the command runs."},
		"working_directory": {"text", "The folder in which the command runs."},
		"no_output_timeout": {"text|integer", "How long the command may be silent; 10m is usual."}, "when": {"text", whenDoc},
		"max_auto_reruns": {"integer", "How often a failed command is run again, 1 to 5."}, "auto_rerun_delay": {"text", "How long to wait before that, such as 30s."},
	},
	"checkout": {
		"method": {"text", "blobless (usual) or full."}, "path": {"text", "The folder; the working directory is usual."}, "depth": {"any", "How many commits are fetched."},
		"name": {"text", nameDoc}, "when": {"text", whenDoc},
	},
	"setup_remote_docker": {
		"version": {"text|number", "The version of Docker."}, "docker_layer_caching": {"boolean", "Keeps layers of images between jobs."},
		"prefer_same_region": {"boolean", "Has no effect."}, "name": {"text", nameDoc}, "when": {"text", whenDoc},
	},
	"add_ssh_keys":           {"fingerprints": {"text|[text]", "Which keys; all of the project where it is not given."}, "name": {"text", nameDoc}, "when": {"text", whenDoc}},
	"install_signing_bundle": {"name": {"text", nameDoc}, "when": {"text", whenDoc}},
	"with_tool_cache":        {"tool": {"text", "The tool."}, "steps": {stepsValue, "The steps."}},
	"save_cache": {
		"key": {"text", "The key, with {{ }} for what it depends on."}, "paths": {"text|[text]", "Files and folders."}, "name": {"text", nameDoc}, "when": {"text", whenDoc},
	},
	"restore_cache": {
		"key": {"text", "The key, or the beginning of one."}, "keys": {"text|[text]", "Keys, the best first."}, "name": {"text", nameDoc}, "when": {"text", whenDoc},
	},
	"store_artifacts": {
		"path": {"text", "The file or folder."}, "destination": {"text", "What comes before its name where it is shown."}, "name": {"text", nameDoc}, "when": {"text", whenDoc},
	},
	"store_test_results": {"path": {"text", "The folder of results."}, "name": {"text", nameDoc}, "when": {"text", whenDoc}},
	"persist_to_workspace": {
		"root": {"text", "The folder that the paths are in."}, "paths": {"text|[text]", "Files and folders below it."}, "path": {"text", "One of them."},
		"name": {"text", nameDoc}, "when": {"text", whenDoc},
	},
	"attach_workspace": {"at": {"text", "The folder into which the files come."}, "name": {"text", nameDoc}, "when": {"text", whenDoc}},
}
