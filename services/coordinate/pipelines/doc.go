// SPDX-License-Identifier: MPL-2.0

// Package pipelines is the service that turns an accepted event into workflows.
//
// It is called by gateway (CreatePipeline, reading, ContinuePipeline,
// CancelPipeline), by placements (ContinuationKey) and later by whatever else
// starts pipelines. It calls configs (Fetch, Compile) and
// workflows (CreateWorkflows, CancelPipelineWorkflows, and PipelineWorkflows for
// what is old enough to be removed).
//
// It owns the tables pipelines, configs (texts and plans), continuations (of
// setup pipelines: keys, texts and plans), pipeline_numbers, handovers (what
// workflows has yet to hear) and skips (requests that made no pipeline).
//
//	CreatePipeline ─► pending ─► Fetch, Compile ─► errors ───────────────► errored
//	                     │                    ├──► a plan ─► hand-over ───► created
//	                     │                    └──► a plan without workflows ► created
//	                     └─► CancelPipeline ──────────────────────────────► created
//
// A plan of a setup config goes round once more (continuation.go, setup.go):
//
//	a setup plan ─► setup-pending ─► hand-over ─► setup ─► nobody in time ─► errored
//	                      └─► ContinuePipeline ◄────┘
//	                                 └────────► pending, and on as above
//
// A plan that asks for what nothing here can do yet is errors too (gaps.go).
//
// A push whose commit says `[ci skip]` makes no pipeline (skip.go).
//
// CreatePipeline only writes a row; a loop compiles, and stores the plan with
// the ids of the workflows and the hand-over in one transaction, so that every
// delivery of it names the same workflows. While configs or workflows are away
// pipelines stay pending, for as long as it takes.
package pipelines
