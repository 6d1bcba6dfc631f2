// SPDX-License-Identifier: MPL-2.0

// Package projects keeps projects, their organizations and the environment
// variables that every job of a project gets (core.Projects,
// core.ProjectSecrets).
//
// It owns the tables organizations, projects and variables. The gateway asks it
// on behalf of people; placements asks it for the plain variables of a task
// that has proved who it is, and nobody else may have those. It asks no other
// service. Values are sealed before they reach a table, bound to the id of
// their project, so that a row that is moved to another project does not open.
package projects
