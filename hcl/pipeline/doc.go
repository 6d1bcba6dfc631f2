// SPDX-License-Identifier: MPL-2.0

// Package pipeline reads pipelines that are written in HCL,
// `.muster/pipeline.hcl`, the language that operators of a HashiCorp stack
// write all day. What is in such a file ends as the same plan as a config.yml:
//
//	parse     text -> blocks                         read.go
//	evaluate  expressions, locals, functions         scope.go, local.go, functions.go
//	expand    commands, jobs, matrix, for_each       step.go, job.go, workflow.go, matrix.go
//	build     blocks -> the document of a config     body.go, value.go
//	compile   document -> plan                       internal/config
//
// The last stage is the compiler of config.yml itself, which is handed a
// document instead of a text: orbs, checks of keys, requirements, filters,
// limits and the processed form are the same for both languages, and its errors
// point at lines of the HCL file. The part here has to end before it: all that
// HCL calculates is constant in the document.
//
// A file from outside is bounded before it is parsed (size, nesting) and while
// it is evaluated (budget.go): HCL's own evaluation knows no limits.
package pipeline
