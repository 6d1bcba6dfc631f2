// SPDX-License-Identifier: MPL-2.0

package config

import "slices"

// valueNames are the pipeline values that a config may name, in order. One that
// a trigger does not know is null. The list is that of CircleCI's public
// registry of pipeline values, and what its command-line client adds.
var valueNames = []string{
	"config.file_path", "config.file_type", "config.ref", "config.repository.name", "config.repository.url", "config.sha",
	"config_source", "definition.id", "deploy.component_name", "deploy.current_version", "deploy.environment_name",
	"deploy.namespace", "deploy.reason", "deploy.target_version", "event.action", "event.circleci_actor_id",
	"event.context.github.pr_url", "event.context.github.sha", "event.github.after", "event.github.comment.body",
	"event.github.head_commit.url", "event.github.label.name", "event.github.pull_request.base.ref",
	"event.github.pull_request.base.sha", "event.github.pull_request.draft", "event.github.pull_request.head.ref",
	"event.github.pull_request.head.sha", "event.github.pull_request.merged", "event.github.pull_request.number",
	"event.github.pull_request.title", "event.github.pull_request.url", "event.github.ref", "event.github.repository.name",
	"event.github.repository.owner.login", "event.github.repository.url", "event.github.sender.avatar_url",
	"event.github.sender.login", "event.github.sender.type", "event.name", "event.provider_actor_id", "event.provider_login",
	"git.base_revision", "git.branch", "git.branch.is_default", "git.commit.author_avatar_url", "git.commit.author_date",
	"git.commit.author_email", "git.commit.author_login", "git.commit.author_name", "git.commit.body", "git.commit.committer_date",
	"git.commit.committer_email", "git.commit.committer_login", "git.commit.committer_name", "git.commit.subject", "git.commit.url",
	"git.origin_repo_id", "git.origin_repo_url", "git.repo_id", "git.repo_name", "git.repo_owner", "git.repo_url", "git.revision",
	"git.ssh_checkout_url", "git.tag", "git.target_repo_url", "id", "in_setup", "integration_source", "name", "number",
	"organization.id", "project.git_url", "project.id", "project.slug", "project.type", "project.url", "schedule.id",
	"schedule.name", "trigger.id", "trigger.name", "trigger.received_at", "trigger.type", "trigger_parameters.circleci.actor_id",
	"trigger_parameters.circleci.config_source_id", "trigger_parameters.circleci.event_action",
	"trigger_parameters.circleci.event_time", "trigger_parameters.circleci.event_type",
	"trigger_parameters.circleci.provider_actor_id", "trigger_parameters.circleci.provider_login",
	"trigger_parameters.circleci.provider_name", "trigger_parameters.circleci.trigger_id",
	"trigger_parameters.circleci.trigger_type", "trigger_parameters.event.description", "trigger_parameters.event.title",
	"trigger_parameters.git.author_avatar_url", "trigger_parameters.git.author_login", "trigger_parameters.git.branch",
	"trigger_parameters.git.checkout_sha", "trigger_parameters.git.checkout_url", "trigger_parameters.git.commit_author_email",
	"trigger_parameters.git.commit_author_name", "trigger_parameters.git.commit_message", "trigger_parameters.git.default_branch",
	"trigger_parameters.git.ref", "trigger_parameters.git.repo_name", "trigger_parameters.git.repo_owner",
	"trigger_parameters.git.repo_url", "trigger_parameters.git.tag", "trigger_parameters.github_app.action",
	"trigger_parameters.github_app.branch", "trigger_parameters.github_app.checkout_sha",
	"trigger_parameters.github_app.commit_author_email", "trigger_parameters.github_app.commit_author_name",
	"trigger_parameters.github_app.commit_message", "trigger_parameters.github_app.commit_sha",
	"trigger_parameters.github_app.commit_timestamp", "trigger_parameters.github_app.commit_title",
	"trigger_parameters.github_app.default_branch", "trigger_parameters.github_app.forced", "trigger_parameters.github_app.full_ref",
	"trigger_parameters.github_app.label_name", "trigger_parameters.github_app.owner",
	"trigger_parameters.github_app.pull_request_draft", "trigger_parameters.github_app.pull_request_head_sha",
	"trigger_parameters.github_app.pull_request_merged", "trigger_parameters.github_app.ref",
	"trigger_parameters.github_app.repo_full_name", "trigger_parameters.github_app.repo_id",
	"trigger_parameters.github_app.repo_name", "trigger_parameters.github_app.repo_url", "trigger_parameters.github_app.tag",
	"trigger_parameters.github_app.user_avatar", "trigger_parameters.github_app.user_id", "trigger_parameters.github_app.user_name",
	"trigger_parameters.github_app.user_username", "trigger_parameters.github_app.web_url", "trigger_parameters.gitlab.action",
	"trigger_parameters.gitlab.branch", "trigger_parameters.gitlab.checkout_sha", "trigger_parameters.gitlab.commit_author_email",
	"trigger_parameters.gitlab.commit_author_name", "trigger_parameters.gitlab.commit_message",
	"trigger_parameters.gitlab.commit_sha", "trigger_parameters.gitlab.commit_timestamp", "trigger_parameters.gitlab.commit_title",
	"trigger_parameters.gitlab.default_branch", "trigger_parameters.gitlab.is_fork_merge_request",
	"trigger_parameters.gitlab.project_id", "trigger_parameters.gitlab.ref", "trigger_parameters.gitlab.repo_name",
	"trigger_parameters.gitlab.repo_url", "trigger_parameters.gitlab.tag", "trigger_parameters.gitlab.type",
	"trigger_parameters.gitlab.user_avatar", "trigger_parameters.gitlab.user_id", "trigger_parameters.gitlab.user_name",
	"trigger_parameters.gitlab.user_username", "trigger_parameters.gitlab.web_url", "trigger_parameters.gitlab.x_gitlab_event_id",
	"trigger_parameters.webhook.body", "trigger_source", "vcs.event_type", "vcs.origin_repository_id", "vcs.origin_repository_url",
	"vcs.repository_url", "vcs.revision", "vcs.target_repository_id", "vcs.target_repository_url", "vcs.type",
}

// knownValue tells whether a name may be absent without being a mistake.
func knownValue(name string) bool {
	_, found := slices.BinarySearch(valueNames, name)
	return found
}
