// SPDX-License-Identifier: MPL-2.0

// Package circleci is what a job finds under the names circleci and
// circleci-agent: the commands of CircleCI's environment CLI, with its options
// and messages. They run as processes of their own and ask the agent of the
// job through package answer for what they cannot know.
//
// A command that is not here is handed on to another program called circleci
// in PATH, such as CircleCI's own CLI in an image that brings it.
//
// One command is one file, which returns it from a function that the table in
// command.go lists.
package circleci
