// SPDX-License-Identifier: MPL-2.0

// Package convert writes a config.yml as a pipeline in HCL. Names, parameters,
// commands and conditions stay what they are, so that the result is what a
// person would have written, and compiles to the same plan.
//
//	convert.go  the whole file           step.go      steps and commands
//	job.go      jobs and executors       workflow.go  calls, matrices, filters
//	orb.go      inline orbs              comment.go   what is said about each
//	value.go    values                   template.go  << >>, expressions, logic statements
//	write.go    blocks and attributes
//
// What has no counterpart is told with its line.
package convert
